package node

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"testing"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/adversary"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/challenger"
	"github.com/capacloud/assay/requester"
)

// truth executes a job without a network.
func (b *bench) truth(job assay.Job) assay.Result {
	b.Helper()
	o, err := b.engine.Execute(b.Context(), &job, b.store)
	if err != nil {
		b.Fatal(err)
	}
	return o.Result
}

// tell logs how a job went.
func (b *bench) tell(f *Finished) {
	v := f.Case.Record.Verdict
	b.Logf("%s %s %v, phase %s", v.Outcome, v.Code, v.Result, f.Case.Phase)
	for _, s := range f.Case.Seats {
		b.Logf("seat %d role %d %s lost %d", s.Number, s.Role, s.State, s.Lost)
	}
	for i, d := range f.Case.Disputes {
		b.Logf("dispute %d: code %q void %q", i, d.Code, d.Void)
		if d.Game == nil {
			continue
		}
		for n, c := range d.Game.Claims {
			b.Logf("  claim %d by %s result %s steps %d live %v lost %+v", n, c.Author.Short(), c.Result.Short(), c.Steps, c.Live(), c.Lost)
		}
	}
	b.Logf("%+v", f.Case.Record.Settlement)
}

// quick are parameters under which a dispute about a small job takes seconds.
func quick() assay.Params {
	p := assay.LocalParams()
	p.Slack, p.ChallengeSlack, p.MoveSlack = 1000, 2500, 2500
	return p
}

// TestOneHonestAmongFive: four liars and one honest provider are drawn, and the
// machine decides for the one.
func TestOneHonestAmongFive(t *testing.T) {
	for _, kind := range []adversary.Kind{adversary.Lie, adversary.Collude} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			b := newBenchWith(t, LocalConfig{Providers: 5, Cheaters: adversary.Counts{kind: 4}, NoWatcher: true, Params: quick()})
			job := b.job("1000")
			job.Policy = "quorum(5)"
			f := b.run(job, nil)
			b.right(f)
			for _, s := range f.Case.Seats {
				if liar := s.Provider != b.local.Providers[0]; liar != (s.State == assay.ProvedWrong) {
					t.Errorf("seat %d is %s", s.Number, s.State)
				}
			}
		})
	}
}

// right asserts that the truth was accepted, delivered and told in the receipt.
func (b *bench) right(f *Finished) {
	b.Helper()
	v := f.Case.Record.Verdict
	if v.Outcome != assay.Accepted || *v.Result != b.truth(f.Case.Job) || !f.Delivered || f.Report == nil || f.Report.Result == nil {
		b.tell(f)
		b.Fatalf("%s %s", v.Outcome, v.Code)
	}
}

// wrong runs jobs until a liar was the only executor drawn, and returns that
// one. Who is drawn is not ours to choose.
func (b *bench) wrong(policy string) *Finished {
	b.Helper()
	for range 40 {
		job := b.job("1000")
		job.Policy = policy
		f := b.run(job, nil)
		if f.Case.Seats[0].Provider != b.local.Providers[0] {
			return f
		}
	}
	b.Fatal("no liar was ever drawn")
	return nil
}

// TestOptimistic: a lying executor under `optimistic` is caught by the watcher of
// the network, and the right answer comes in all the same; without a watcher the
// lie settles.
func TestOptimistic(t *testing.T) {
	t.Parallel()
	liars := adversary.Counts{adversary.Lie: 2}
	b := newBenchWith(t, LocalConfig{Providers: 3, Cheaters: liars, Params: quick()})
	before, err := b.local.Network.Account(t.Context(), b.local.Watcher)
	if err != nil {
		t.Fatal(err)
	}
	f := b.wrong("optimistic(1s)")
	b.right(f)
	if s := f.Case.Seats[0]; s.State != assay.ProvedWrong {
		t.Errorf("the liar is %s", s.State)
	}
	after, err := b.local.Network.Account(t.Context(), b.local.Watcher)
	if err != nil {
		t.Fatal(err)
	}
	if after.Balance < before.Balance {
		t.Errorf("the watcher had %d and has %d: defence was not made whole", before.Balance, after.Balance)
	}

	b = newBenchWith(t, LocalConfig{Providers: 3, Cheaters: liars, NoWatcher: true, Params: quick()})
	f = b.wrong("optimistic(1s)")
	if v := f.Case.Record.Verdict; v.Outcome != assay.Accepted || *v.Result == b.truth(f.Case.Job) {
		b.tell(f)
		t.Error("who watched?")
	}
}

// TestRevoked: everybody who was drawn tells the same lie, and it settles at once.
// The watcher has it revoked within the liability window, and all of them slashed.
func TestRevoked(t *testing.T) {
	t.Parallel()
	p := quick()
	p.Liability = 600_000
	b := newBenchWith(t, LocalConfig{Providers: 3, Cheaters: adversary.Counts{adversary.Collude: 3}, Params: p})
	f := b.run(b.job("1000"), nil)
	if v := f.Case.Record.Verdict; v.Outcome != assay.Accepted || *v.Result == b.truth(f.Case.Job) {
		t.Fatalf("%s: colluders could not settle their lie", v.Outcome)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range b.local.Network.Watch(ctx) {
		appeals, err := b.local.Network.AppealsOf(ctx, f.Case.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range appeals {
			if r := a.Revocation; r != nil {
				truth := b.truth(f.Case.Job)
				if r.Survivor != truth.Digest() || len(r.Faults) != 3 || r.Slashed == 0 {
					t.Errorf("%+v", r)
				}
				return
			}
		}
	}
	t.Error("never revoked")
}

// TestKilledChallenger kills a watcher in the middle of a dispute, starts another
// with the same key and nothing else, again and again, and wins.
func TestKilledChallenger(t *testing.T) {
	if testing.Short() {
		t.Skip("a dispute against somebody who stalls takes its time")
	}
	t.Parallel()
	b := newBenchWith(t, LocalConfig{Providers: 2, Cheaters: adversary.Counts{adversary.Stall: 1}, NoWatcher: true, Params: quick()})
	key := newKey()
	w := Wallet{Network: b.local.Network, Key: b.local.Requester}
	if _, err := w.Submit(t.Context(), &assay.Transfer{To: assay.KeyOf(key), Amount: 100_000_000}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	moved, kills := make(chan struct{}, 1), 0
	done := make(chan error)
	go func() {
		for {
			life, kill := context.WithCancel(ctx)
			ended := make(chan error)
			go func() { ended <- b.challenge(life, key) }()
			select {
			case <-moved:
				kill()
				kills++
			case <-ctx.Done():
			}
			err := <-ended
			kill()
			if ctx.Err() != nil || err != nil {
				done <- err
				return
			}
		}
	}()
	for range 40 {
		job := b.job("1000")
		job.Policy = "optimistic(1s)"
		claims, moves := 0, uint32(0)
		f := b.run(job, func(_ requester.Progress, c *board.Case) {
			d := c.Dispute()
			if d == nil || d.Game == nil {
				return
			}
			// Each claim and each move of anybody is a moment to die.
			if n, m := len(d.Game.Claims), d.Game.Moves; n != claims || m != moves {
				claims, moves = n, m
				select {
				case moved <- struct{}{}:
				default:
				}
			}
		})
		if f.Case.Seats[0].Provider == b.local.Providers[0] {
			continue
		}
		b.right(f)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if kills < 3 {
			t.Errorf("killed %d times only", kills)
		}
		return
	}
	cancel()
	<-done
	t.Error("no liar was ever drawn")
}

// challenge runs a watcher of its own, with an empty disk.
func (b *bench) challenge(ctx context.Context, key ed25519.PrivateKey) error {
	work, err := blob.OpenMemory(blob.Config{})
	if err != nil {
		return err
	}
	defer func() { _ = work.Close() }() // in memory
	g := b.local.Network.Genesis()
	core, err := challenger.New(challenger.Config{Network: g.ID(), Key: assay.KeyOf(key), ClockStep: g.Params.ClockStep})
	if err != nil {
		return err
	}
	return RunChallenger(ctx, ChallengerConfig{
		Network: b.local.Network, Key: key, Core: core, Executor: b.engine, Source: b.local.Blobs, Work: work, Logger: slog.New(slog.DiscardHandler),
	})
}
