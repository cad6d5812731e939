package ceremony_test

import (
	"bytes"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/zk/ceremony"
	"github.com/capacloud/assay/zk/zktest"
)

// TestHeld holds a ceremony as a ledger does, through its encoding after every
// step, and puts the transcript together again from what was posted.
func TestHeld(t *testing.T) {
	r1cs := zktest.R1CS(t, 2, 0)
	at := assay.Moment{Height: 10, Time: 1, Clock: 5_000}
	h, err := ceremony.Open(network, circuit, r1cs, at, 60_000)
	if err != nil {
		t.Fatal(err)
	}
	history := begin(t, r1cs)
	beacon := func(n byte) assay.Beacon { return assay.Beacon{Value: assay.Digest{n}} }
	want := func(what string, err error, code_ assay.Code) {
		t.Helper()
		if code(err) != code_ {
			t.Fatalf("%s: %v, want %q", what, err, code_)
		}
		again := new(ceremony.Held)
		if err := canon.Unmarshal(canon.Marshal(h), again); err != nil {
			t.Fatal(err)
		}
		h = again
	}
	seal := func() error { _, err := h.Seal(r1cs, at, beacon(byte(at.Height))); return err }
	var made *ceremony.Result
	for phase := range 2 {
		want("closed without a contribution", h.Close(at), ceremony.CodeOrder)
		want("sealed while open", seal(), ceremony.CodeOrder)
		var stale []byte
		for i := range 2 {
			b, err := h.Transcript.Contribute(r1cs)
			if err != nil {
				t.Fatal(err)
			}
			want("a contribution", h.Contribute(r1cs, assay.Key{byte(i)}, b), "")
			if err := history.Add(r1cs, assay.Key{byte(i)}, b); err != nil {
				t.Fatal(err)
			}
			stale = b
		}
		want("a contribution twice", h.Contribute(r1cs, assay.Key{9}, stale), ceremony.CodeContribution)
		if h.Counts[phase] != 2 {
			t.Errorf("%d contributions", h.Counts[phase])
		}
		want("closed too early", h.Close(at), ceremony.CodeWindow)
		at.Clock += 60_000
		want("closed", h.Close(at), "")
		want("closed twice", h.Close(at), ceremony.CodeOrder)
		want("a contribution behind the end", h.Contribute(r1cs, assay.Key{}, stale), ceremony.CodeOrder)
		want("sealed in the block that closed it", seal(), ceremony.CodeWindow)
		at.Height++
		if h.GasSeal() < h.Gas() && phase == 1 {
			t.Error("to seal is cheaper than to contribute")
		}
		var err error
		made, err = h.Seal(r1cs, at, beacon(byte(at.Height)))
		want("sealed", err, "")
		if (made != nil) != (phase == 1) {
			t.Errorf("phase %d made %v", phase, made)
		}
		value := assay.Digest{byte(at.Height)}
		if err := history.Seal(value[:]); err != nil {
			t.Fatal(err)
		}
	}
	want("closed behind the end", h.Close(at), ceremony.CodeOrder)
	want("a contribution behind the end", h.Contribute(r1cs, assay.Key{}, nil), ceremony.CodeOrder)
	whole, err := history.Verify(r1cs)
	if err != nil || whole.Key.Digest() != made.Key.Digest() {
		t.Errorf("the history makes another key: %v", err)
	}
	if !bytes.Equal(history.Trim().Bytes(), h.Transcript.Bytes()) {
		t.Error("what the ledger holds is not the end of its history")
	}
	for _, window := range []assay.Millis{0, -1, ceremony.MaxWindow + 1} {
		if _, err := ceremony.Open(network, circuit, r1cs, at, window); code(err) != ceremony.CodeWindow {
			t.Errorf("window %d: %v", window, err)
		}
	}
}
