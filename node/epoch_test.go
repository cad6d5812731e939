package node

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/adversary"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/merkle"
)

// epochProgram has ten epochs. Each turns a number in memory a hundred thousand
// times.
var epochProgram = []byte("\x00asm\x01\x00\x00\x00" +
	"\x01\x05\x01\x60\x00\x01\x7f" +
	"\x03\x02\x01\x00" +
	"\x05\x03\x01\x00\x01" +
	"\x06\x06\x01\x7f\x01\x41\x00\x0b" +
	"\x07\x17\x02\x06memory\x02\x00\x0aassay_step\x00\x00" +
	"\x0a\x41\x01\x3f\x01\x01\x7f" +
	"\x23\x00\x41\x0a\x4f\x04\x40\x41\x00\x0f\x0b" + // ten are enough
	"\x41\xa0\x8d\x06\x21\x00" +
	"\x03\x40" +
	"\x41\x80\x08\x41\x80\x08\x29\x03\x00\x42\xed\x9c\x01\x7e\x20\x00\xad\x7c\x37\x03\x00" +
	"\x20\x00\x41\x01\x6b\x22\x00\x0d\x00\x0b" +
	"\x23\x00\x41\x01\x6a\x24\x00\x41\x01\x0b")

// gate holds every run of a job behind boundary 5 until as many seats have posted
// it as the policy wants, so that whatever dies dies half-way.
type gate struct {
	executor.Epochs
	network Network
}

// ExecuteEpochs implements executor.Epochs.
func (g *gate) ExecuteEpochs(ctx context.Context, job *assay.Job, a executor.Artifacts, from *executor.Checkpoint, each func(executor.Boundary) error) (*executor.Outcome, error) {
	return g.Epochs.ExecuteEpochs(ctx, job, a, from, func(b executor.Boundary) error {
		err := each(b)
		for err == nil && b.Epoch == 5 && !g.opens(ctx, job.ID()) {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(20 * time.Millisecond):
				err = each(b) // until its checkpoint was asked for
			}
		}
		return err
	})
}

func (g *gate) opens(ctx context.Context, job assay.JobID) bool {
	c, err := g.network.Case(ctx, job)
	if err != nil {
		return false
	}
	n := 0
	for _, k := range c.Checkpoints {
		if k.Epoch == 5 {
			n++
		}
	}
	return n >= c.Trust()
}

func epochBench(t *testing.T, providers int, bad adversary.Counts) *bench {
	t.Helper()
	if testing.Short() {
		t.Skip("runs jobs until the right provider is drawn, and waits for it to be late")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4)) // a turn for each of three runs that wait for one another
	g := &gate{}
	p := quick()
	p.Slack = 4000
	b := newBenchWith(t, LocalConfig{Providers: providers, Cheaters: bad, Params: p, Executor: g, CheckpointEvery: 100})
	g.network = b.local.Network
	d, err := b.store.PutBytes(t.Context(), epochProgram)
	if err != nil {
		t.Fatal(err)
	}
	b.sieve = d
	if _, err := blob.Copy(t.Context(), b.local.Blobs, b.store, d, merkle.File); err != nil {
		t.Fatal(err)
	}
	return b
}

// until runs jobs until a case is as wanted. Who is drawn is not ours to choose.
func (b *bench) until(policy string, wanted func(*board.Case) bool) *Finished {
	b.Helper()
	for range 40 {
		job := b.job()
		job.Policy, job.Limits.Fuel = policy, 1_000_000_000
		f := b.run(job, nil)
		if wanted(f.Case) {
			return f
		}
	}
	b.Fatal("nobody was drawn as wanted")
	return nil
}

// wentOn reports whether the first seat died and the second went on from what it
// had posted.
func wentOn(c *board.Case) bool {
	return len(c.Resumes) > 0 && c.Seats[c.Resumes[0].Seat].Result != nil
}

// TestEpochsSurviveProvider: a provider dies half-way; its replacement goes on
// from its checkpoint, which a validator has kept, and the job ends.
func TestEpochsSurviveProvider(t *testing.T) {
	for policy, providers := range map[string]int{"optimistic(1s)": 3, "quorum(3)": 4} {
		t.Run(policy, func(t *testing.T) {
			b := epochBench(t, providers, adversary.Counts{adversary.Late: 1})
			f := b.until(policy, wentOn)
			b.right(f)
			r := f.Case.Resumes[0]
			if s := f.Case.Seats[r.Seat]; s.State != assay.Opened || r.Epoch != 5 {
				t.Errorf("seat %d went on from %d and is %s", r.Seat, r.Epoch, s.State)
			}
			for _, x := range f.Case.Record.Settlement.Faults {
				if x.Class != assay.FaultLate {
					t.Errorf("seat %d is %s", x.Seat, x.Class)
				}
			}
		})
	}
}

// TestPoisonedCheckpoint: whoever goes on from a poisoned checkpoint comes to a
// wrong result, loses nothing, and the poisoner loses its stake. The right answer
// comes in.
func TestPoisonedCheckpoint(t *testing.T) {
	b := epochBench(t, 3, adversary.Counts{adversary.Poison: 1})
	before := map[assay.Key]assay.Amount{}
	for _, k := range b.local.Providers {
		a, err := b.local.Network.Account(t.Context(), k)
		if err != nil {
			t.Fatal(err)
		}
		before[k] = a.Balance
	}
	f := b.until("optimistic(1s)", wentOn)
	b.tell(f)
	b.right(f)
	r := f.Case.Resumes[0]
	if s := f.Case.Seats[r.From]; s.State != assay.ProvedWrong || s.Provider != b.local.Providers[2] {
		t.Errorf("the poisoner is %s", s.State)
	}
	s := f.Case.Seats[r.Seat]
	if s.State != assay.Misled {
		t.Errorf("who went on from the poison is %s", s.State)
	}
	after, err := b.local.Network.Account(t.Context(), s.Provider)
	if err != nil {
		t.Fatal(err)
	}
	if after.Balance < before[s.Provider] {
		t.Errorf("who was misled had %d and has %d", before[s.Provider], after.Balance)
	}
}
