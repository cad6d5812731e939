package reputation_test

import (
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/reputation"
)

func TestAfter(t *testing.T) {
	good := reputation.Work{Accepted: true, Drawn: true, Checked: true, Blind: true}
	with := func(f func(*reputation.Work)) reputation.Work {
		w := good
		f(&w)
		return w
	}
	fault := func(c assay.FaultClass) reputation.Work {
		return reputation.Work{Drawn: true, Checked: true, Blind: true, Fault: c}
	}
	for _, test := range []struct {
		name   string
		points uint32
		work   reputation.Work
		want   uint32
	}{
		{"accepted", 4, good, 5},
		{"full", ^uint32(0), good, ^uint32(0)},
		{"not accepted", 4, with(func(w *reputation.Work) { w.Accepted = false }), 4},
		{"chosen, not drawn", 4, with(func(w *reputation.Work) { w.Drawn = false }), 4},
		{"nobody checked", 4, with(func(w *reputation.Work) { w.Checked = false }), 4},
		{"a repeat", 4, with(func(w *reputation.Work) { w.Repeat = true }), 4},
		{"may be a copy", 4, with(func(w *reputation.Work) { w.Blind = false }), 4},
		{"different", 10, fault(assay.FaultDifferent), 6},
		{"different, one point", 1, fault(assay.FaultDifferent), 0},
		{"different, a large score", 3_000_000_000, fault(assay.FaultDifferent), 2_000_000_000},
		{"proved wrong", 4_000_000_000, fault(assay.FaultProvedWrong), 0},
		{"late", 4, fault(assay.FaultLate), 4},
		{"abandoned", 4, fault(assay.FaultAbandoned), 4},
		{"unavailable", 4, fault(assay.FaultUnavailable), 4},
	} {
		if got := reputation.After(test.points, test.work); got != test.want {
			t.Errorf("%s: %d becomes %d, want %d", test.name, test.points, got, test.want)
		}
	}
}

func TestSetKeepsOrderAndArgument(t *testing.T) {
	a := reputation.Set(nil, "wasm/1", 3)
	b := reputation.Set(a, "tensor/1", 7)
	c := reputation.Set(b, "wasm/1", 4)
	if reputation.Of(a, "wasm/1") != 3 || reputation.Of(b, "wasm/1") != 3 || reputation.Of(c, "wasm/1") != 4 {
		t.Errorf("scores %v %v %v", a, b, c)
	}
	if len(c) != 2 || c[0].Runtime != "tensor/1" || reputation.Of(c, "circuit/1") != 0 {
		t.Errorf("scores %v", c)
	}
}
