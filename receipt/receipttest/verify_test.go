package receipttest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/capacloud/assay/receipt/receipttest"
)

const vectors = "../testdata/vectors"

// TestVectors reads what package receipt reads. What this verifier refuses that
// one must refuse, and what both accept they must call by the same verdict; the
// index, which that one's test holds to its answers, says so line by line.
func TestVectors(t *testing.T) {
	index, err := os.ReadFile(filepath.Join(vectors, "index"))
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for line := range strings.Lines(string(index)) {
		columns := strings.Split(strings.TrimSpace(line), "\t")
		if strings.HasPrefix(line, "#") || len(columns) != 3 {
			continue
		}
		name, first, want := columns[0], columns[1], columns[2]
		file, err := os.ReadFile(filepath.Join(vectors, name+".receipt"))
		anchor, err2 := os.ReadFile(filepath.Join(vectors, name+".anchor"))
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		got, err := receipttest.Verify(file, anchor)
		if err != nil {
			got = "refused"
		}
		if got != want {
			t.Errorf("%s: %s (%v), want %s", name, got, err, want)
		}
		if got == "refused" && strings.HasPrefix(first, "0") {
			t.Errorf("%s: package receipt accepts what this verifier refuses", name)
		}
		tried++
	}
	if tried < 25 {
		t.Errorf("only %d vectors", tried)
	}
}

// TestBytes: the second verifier must not fall over either.
func TestBytes(t *testing.T) {
	file, err := os.ReadFile(filepath.Join(vectors, "agreement.receipt"))
	anchor, err2 := os.ReadFile(filepath.Join(vectors, "agreement.anchor"))
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	for i := 0; i < len(file); i += 7 {
		if _, err := receipttest.Verify(file[:i], anchor); err == nil {
			t.Errorf("cut at %d: accepted", i)
		}
		altered := append([]byte{}, file...)
		altered[i] ^= 0x40
		_, _ = receipttest.Verify(altered, anchor) // refuses less; must not panic
	}
}
