package receipt

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestBuildsForBrowsers builds the verifier and every check that it calls for
// js/wasm: a receipt can be checked where it is shown.
func TestBuildsForBrowsers(t *testing.T) {
	if testing.Short() {
		t.Skip("builds for another platform")
	}
	const module = "github.com/capacloud/assay/"
	cmd := exec.Command("go", "build", module+"receipt", module+"board", module+"quorum", module+"policy", module+"beacon")
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// TestVerifierIsSmall keeps the verifier's imports to what doc.go promises: no
// CometBFT, no protobuf, no network.
func TestVerifierIsSmall(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", ".")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, pkg := range strings.Fields(string(out)) {
		for _, banned := range []string{"github.com/cometbft/", "github.com/cosmos/", "google.golang.org/", "github.com/capacloud/assay/ledger", "net/http"} {
			if strings.HasPrefix(pkg, banned) {
				t.Errorf("the verifier imports %s", pkg)
			}
		}
	}
}

// TestVerifyIsQuick bounds one verification well below the 100 ms that the
// whole process of `assay verify` has.
func TestVerifyIsQuick(t *testing.T) {
	n, f := quorumOfThree(t)
	file, text := f.Bytes(), []byte(n.anchor(t).String())
	best := time.Hour
	for range 5 {
		start := time.Now()
		a, err := ParseAnchor(text)
		if err != nil {
			t.Fatal(err)
		}
		verify(t, file, a)
		best = min(best, time.Since(start))
	}
	t.Logf("anchor and receipt in %v", best)
	if best > 50*time.Millisecond {
		t.Errorf("anchor and receipt took %v", best)
	}
}
