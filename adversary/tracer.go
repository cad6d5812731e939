package adversary

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/challenger"
)

// Forger makes the halted record that states a lie. It is the only thing that
// the lab has to know about a machine.
type Forger interface {
	// Restate returns a record like last that states r, and its root. It fails
	// where no record of the machine can state r.
	Restate(last []byte, r assay.Result) ([]byte, assay.Digest, error)
}

// errNoProof is what a liar has in place of a witness.
var errNoProof = errors.New("nothing proves a lie")

// Tracer puts a player's lies around the trace of a job. What comes out is as
// consistent as a lie can be: the true roots up to a step that the player and
// the job determine, then invented ones, and a halted state that states the
// result which the player's executor tells. A dispute about it therefore runs
// down to that step.
func Tracer(p Player, key assay.Key, job *assay.Job, inner challenger.Tracer, forger Forger) challenger.Tracer {
	l := &falseTrace{Tracer: inner, forger: forger, player: p, key: key, job: job.ID()}
	switch p.Kind {
	case Lie, Collude, Misstate, Stall, Silent, Bluff, Meddle, Sabotage:
		return l
	case Honest, Copy, Withhold, Late, Crash, Contradict, Poison:
	case Lazy:
		return noTrace{inner}
	}
	return inner
}

// noTrace is that of a player who has done no work and will do none.
type noTrace struct{ challenger.Tracer }

// Final implements challenger.Tracer.
func (noTrace) Final(context.Context) (challenger.Final, error) {
	return challenger.Final{}, errors.New("no work was done")
}

// falseTrace is a trace that is true up to step from, and again from step until
// on.
type falseTrace struct {
	challenger.Tracer
	forger Forger
	player Player
	key    assay.Key
	job    assay.JobID

	ready       bool
	final       challenger.Final
	root        assay.Digest // of the halted state
	seed        assay.Digest
	from, until uint64
}

// Final implements challenger.Tracer.
func (t *falseTrace) Final(ctx context.Context) (challenger.Final, error) {
	if t.ready {
		return t.final, nil
	}
	f, err := t.Tracer.Final(ctx)
	if err != nil {
		return f, err
	}
	t.seed = canon.Hash("assay/adversary-trace/1", []byte(markOf(t.player, t.key)), t.job[:])
	t.from, t.until = t.span(f.Steps)
	if t.player.Kind != Sabotage {
		r, _ := falsify(t.player, t.key, t.job, f.Result)
		if f.Last, t.root, err = t.forger.Restate(f.Last, r); err != nil {
			return f, err
		}
		f.Result = r
	}
	t.final, t.ready = f, true
	return f, nil
}

// span chooses where the trace is false. A saboteur tells the true end: in one
// variant everything between a quarter and three quarters of the way is wrong,
// in the other a single root, so that the first claim is usually a perfect copy
// of an honest one and only a later move betrays it.
func (t *falseTrace) span(steps uint64) (from, until uint64) {
	somewhere := binary.LittleEndian.Uint64(t.seed[:]) % max(steps, 1)
	switch {
	case t.player.Kind != Sabotage:
		return somewhere, ^uint64(0)
	case t.player.Variant == 0:
		return steps / 4, steps - steps/4
	}
	return somewhere, min(somewhere+2, max(steps, 1)-1)
}

// Roots implements challenger.Tracer.
func (t *falseTrace) Roots(ctx context.Context, start, stride uint64, n int) ([]assay.Digest, error) {
	if _, err := t.Final(ctx); err != nil {
		return nil, err
	}
	roots, err := t.Tracer.Roots(ctx, start, stride, n)
	if err != nil {
		return nil, err
	}
	for i := range roots {
		at := start + uint64(i+1)*stride
		switch {
		case at <= t.from || at >= t.until:
		case at >= t.final.Steps:
			roots[i] = t.root
		default:
			roots[i] = canon.Hash("assay/lie/1", t.seed[:], binary.LittleEndian.AppendUint64(nil, at))
		}
	}
	return roots, nil
}

// Prove implements challenger.Tracer. What is true in the trace can be proved,
// and so hurts other liars; a bluffer sends another segment's witness for the
// rest.
func (t *falseTrace) Prove(ctx context.Context, start, steps uint64) ([]byte, error) {
	if _, err := t.Final(ctx); err != nil {
		return nil, err
	}
	switch {
	case start+steps <= t.from || start >= t.until:
		return t.Tracer.Prove(ctx, start, steps)
	case t.player.Kind == Bluff:
		return t.bluff(ctx, start, steps)
	}
	return nil, errNoProof
}

// bluff returns a witness that is none of this segment: the one before, or the
// right one with a byte changed.
func (t *falseTrace) bluff(ctx context.Context, start, steps uint64) ([]byte, error) {
	if start >= steps && t.seed[0]%2 == 0 {
		return t.Tracer.Prove(ctx, start-steps, steps)
	}
	w, err := t.Tracer.Prove(ctx, start, steps)
	if err == nil && len(w) > 0 {
		w = append([]byte(nil), w...)
		w[int(t.seed[1])%len(w)] ^= 1 << (t.seed[2] % 8)
	}
	return w, err
}
