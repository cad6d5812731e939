package adversary

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/challenger"
)

// numbers is a trace whose states are their numbers.
type numbers struct{ steps uint64 }

var truth = assay.Result{Status: assay.Exited, Fuel: 9, Output: assay.Digest{1}, State: assay.Digest{2}}

func number(i uint64) assay.Digest {
	return canon.Hash("number", binary.LittleEndian.AppendUint64(nil, i))
}

func (n numbers) Final(context.Context) (challenger.Final, error) {
	return challenger.Final{Steps: n.steps, Last: []byte("the truth"), Result: truth}, nil
}

func (n numbers) Roots(_ context.Context, start, stride uint64, count int) (list []assay.Digest, err error) {
	for i := range count {
		list = append(list, number(min(n.steps, start+uint64(i+1)*stride)))
	}
	return list, nil
}

func (n numbers) Prove(_ context.Context, start, steps uint64) ([]byte, error) {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, start), steps), nil
}

func (numbers) Program(context.Context) ([]byte, error) { return nil, nil }

// Restate implements Forger.
func (numbers) Restate(_ []byte, r assay.Result) ([]byte, assay.Digest, error) {
	d := r.Digest()
	return d[:], canon.Hash("forged", d[:]), nil
}

// TestFalseTrace: a lie is one story however it is asked for, true to a point
// and false from there to a last state that states what the executor tells.
func TestFalseTrace(t *testing.T) {
	ctx, job := t.Context(), &assay.Job{Nonce: 3}
	inner := numbers{steps: 1000}
	for _, p := range []Player{{Kind: Lie}, {Kind: Collude}, {Kind: Misstate}, {Kind: Stall}, {Kind: Silent}, {Kind: Bluff}, {Kind: Meddle}} {
		key := assay.Key{4}
		tr := Tracer(p, key, job, inner, inner)
		all, err := tr.Roots(ctx, 0, 1, 1100)
		if err != nil {
			t.Fatal(err)
		}
		again := Tracer(p, key, job, inner, inner) // after a crash
		for _, stride := range []uint64{7, 32, 100} {
			some, _ := again.Roots(ctx, 64, stride, 10)
			for i, r := range some {
				if r != all[64+uint64(i+1)*stride-1] {
					t.Errorf("%s: state %d has two roots", p, 64+uint64(i+1)*stride)
				}
			}
		}
		from := 0
		for from < 1000 && all[from] == number(uint64(from+1)) {
			from++
		}
		for i := from; i < 1000; i++ {
			if all[i] == number(uint64(i+1)) {
				t.Errorf("%s: false from state %d on, and true at %d", p, from+1, i+1)
			}
		}
		final, err := tr.Final(ctx)
		want, _ := falsify(p, key, job.ID(), truth)
		if err != nil || final.Result != want || final.Result == truth || all[999] != all[1099] || all[999] != canon.Hash("forged", final.Last) {
			t.Errorf("%s: ends in %+v, %v", p, final.Result, err)
		}
		before, err := tr.Prove(ctx, uint64(from)-min(1, uint64(from)), min(1, uint64(from)))
		if err != nil {
			t.Errorf("%s: cannot prove what is true in it: %v", p, err)
		}
		behind, err := tr.Prove(ctx, uint64(from), 1)
		right, _ := inner.Prove(ctx, uint64(from), 1)
		if bluffs := err == nil; bluffs != (p.Kind == Bluff) || bytes.Equal(behind, right) {
			t.Errorf("%s: proves its lie with %x, %v (after %x)", p, behind, err, before)
		}
	}
	of := func(k Kind, key assay.Key) assay.Digest {
		roots, err := Tracer(Player{Kind: k}, key, job, inner, inner).Roots(ctx, 0, 1100, 1)
		if err != nil {
			t.Fatal(err)
		}
		return roots[0]
	}
	if of(Lie, assay.Key{1}) == of(Lie, assay.Key{2}) || of(Collude, assay.Key{1}) != of(Collude, assay.Key{2}) {
		t.Error("liars agree, or colluders do not")
	}
}

// TestSabotage: the end is true and something before it is not.
func TestSabotage(t *testing.T) {
	inner := numbers{steps: 1000}
	for variant := range Sabotage.Variants() {
		wrong := 0
		for nonce := range uint64(8) {
			tr := Tracer(Player{Kind: Sabotage, Variant: variant}, assay.Key{4}, &assay.Job{Nonce: nonce}, inner, inner)
			final, err := tr.Final(t.Context())
			all, _ := tr.Roots(t.Context(), 0, 1, 1000)
			if err != nil || final.Result != truth || all[999] != number(1000) {
				t.Fatalf("variant %d: another end: %v", variant, err)
			}
			for i, r := range all {
				if r != number(uint64(i+1)) {
					wrong++
				}
			}
		}
		if want := [...]int{8 * 499, 8}[variant]; wrong != want {
			t.Errorf("variant %d: %d false roots in eight traces, want %d", variant, wrong, want)
		}
	}
}

// TestNoTrace: who has done no work has nothing to show, and the honest have
// their own trace.
func TestNoTrace(t *testing.T) {
	inner := numbers{steps: 10}
	if _, err := Tracer(Player{Kind: Lazy}, assay.Key{}, &assay.Job{}, inner, inner).Final(t.Context()); err == nil {
		t.Error("a trace came from nothing")
	}
	if tr := Tracer(Player{}, assay.Key{}, &assay.Job{}, inner, inner); tr != challenger.Tracer(inner) {
		t.Errorf("an honest trace was touched: %T", tr)
	}
	failing := Tracer(Player{Kind: Lie}, assay.Key{}, &assay.Job{}, inner, stubborn{})
	if _, err := failing.Roots(t.Context(), 0, 1, 1); err == nil {
		t.Error("a lie that no record states was told all the same")
	}
}

type stubborn struct{}

func (stubborn) Restate([]byte, assay.Result) ([]byte, assay.Digest, error) {
	return nil, assay.Digest{}, errors.New("no such record")
}
