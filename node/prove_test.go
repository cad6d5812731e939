package node

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/adversary"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/executor"
	tensorexec "github.com/capacloud/assay/executor/tensor"
	"github.com/capacloud/assay/machine/tensor"
	"github.com/capacloud/assay/requester"
)

// proving is an in-process network whose providers run and prove networks of
// integers.
type provingBench struct {
	*testing.T
	local *Local
	store *blob.Store
}

func newProvingBench(t *testing.T, providers int, cheaters adversary.Counts) *provingBench {
	t.Helper()
	x := &tensorexec.Executor{}
	p := assay.LocalParams()
	p.ProofClock = 1_500
	b := &provingBench{T: t}
	var err error
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	b.local, err = StartLocal(t.Context(), LocalConfig{
		Providers: providers, Cheaters: cheaters, Params: p, NoWatcher: true, Logger: log,
		Executor: executor.Runtimes{assay.RuntimeInt8: {Executor: x, Prover: x}}, Runtimes: []string{assay.RuntimeInt8},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.local.Close(); err != nil {
			t.Error(err)
		}
	})
	if b.store, err = blob.OpenMemory(blob.Config{}); err != nil {
		t.Fatal(err)
	}
	return b
}

// run submits one inference of the example's network.
func (b *provingBench) run(policy string) *Finished {
	b.Helper()
	ctx := context.Background()
	read := func(name string) []byte {
		file, err := os.ReadFile(filepath.Join("..", "examples", "mlp", name))
		if err != nil {
			b.Fatal(err)
		}
		return file
	}
	descriptor, weights, err := tensor.OpenFile(read("digit.int8"))
	if err != nil {
		b.Fatal(err)
	}
	put := func(file []byte) assay.Digest {
		d, err := b.store.PutBytes(ctx, file)
		if err != nil {
			b.Fatal(err)
		}
		return d
	}
	put(weights)
	limits := assay.DefaultLimits()
	limits.Fuel = 1_000_000_000
	job := assay.Job{
		Version: 1, Runtime: assay.RuntimeInt8, Program: put(descriptor), Stdin: put(read("digit")), Args: []string{"digit"}, Limits: limits,
		Policy: policy, MaxPrice: LocalMaxPrice, Deadline: Now().Add(600_000), Requester: assay.KeyOf(b.local.Requester),
	}
	files, err := FilesOf(ctx, b.store, &job)
	if err != nil {
		b.Fatal(err)
	}
	for _, e := range files {
		if _, err := blob.Copy(ctx, b.local.Blobs, b.store, e.Digest, e.Kind); err != nil {
			b.Fatal(err)
		}
	}
	f, err := RunJob(ctx, JobConfig{
		Network: b.local.Network, Key: b.local.Requester, Job: job, Store: b.store, Remote: b.local.Blobs,
		Progress: func(requester.Progress, *board.Case) {},
	})
	if err != nil {
		b.Fatal(err)
	}
	return f
}

// TestProvedInference: a liar and an honest provider under each check that proves
// integer networks; the liar is never paid, and the receipt verifies.
func TestProvedInference(t *testing.T) {
	for _, policy := range []string{"sumcheck", "freivalds"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			b := newProvingBench(t, 2, adversary.Counts{adversary.Lie: 1})
			f := b.run(policy)
			r := f.Case.Record
			if r.Verdict.Outcome != assay.Accepted || !f.Delivered || f.Report.Exit != 0 {
				t.Fatalf("%s (%s); report %+v", r.Verdict.Outcome, r.Verdict.Code, f.Report.Reason)
			}
			for _, p := range r.Settlement.Payments {
				if p.Code == board.PayExecuted && p.To != b.local.Providers[0] {
					t.Errorf("%s was paid", p.To.Short())
				}
			}
		})
	}
}

// TestKeptProofs: what was proved is found again, as it was, and nothing else is.
func TestKeptProofs(t *testing.T) {
	for name, kept := range map[string]Proofs{"memory": &MemoryProofs{}, "folder": FolderProofs(filepath.Join(t.TempDir(), "proofs"))} {
		t.Run(name, func(t *testing.T) {
			job := assay.JobID{1}
			if e, err := kept.Load(job, "zk(sp1)"); e != nil || err != nil {
				t.Fatal("found what was never kept", err)
			}
			want := executor.Evidence{Commitment: []byte("first"), Body: []byte("second"), Gas: 7}
			if err := kept.Save(job, "zk(sp1)", &want); err != nil {
				t.Fatal(err)
			}
			e, err := kept.Load(job, "zk(sp1)")
			if err != nil || string(e.Commitment) != "first" || string(e.Body) != "second" || e.Gas != 7 {
				t.Fatalf("%+v: %v", e, err)
			}
			if e, err := kept.Load(job, "zk(sp1, bind=commit)"); e != nil || err != nil {
				t.Error("found the proof for another check", err)
			}
		})
	}
}

// TestCheatingProvers: whoever proves with another's proof is slashed, whoever shows
// none loses the bond, and the honest one behind them is paid.
func TestCheatingProvers(t *testing.T) {
	for kind, class := range map[adversary.Kind]assay.FaultClass{adversary.Forge: assay.FaultProvedWrong, adversary.Mute: assay.FaultAbandoned} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			b := newProvingBench(t, 2, adversary.Counts{kind: 1})
			for range 3 { // whoever is drawn first
				r := b.run("sumcheck").Case.Record
				if r.Verdict.Outcome != assay.Accepted {
					t.Fatalf("%s (%s)", r.Verdict.Outcome, r.Verdict.Code)
				}
				for _, f := range r.Settlement.Faults {
					if f.Provider == b.local.Providers[0] || f.Class != class {
						t.Errorf("%s is %s: %s", f.Provider.Short(), f.Class, f.Text)
					}
				}
				for _, p := range r.Settlement.Payments {
					if p.Code == board.PayExecuted && p.To != b.local.Providers[0] {
						t.Errorf("%s was paid", p.To.Short())
					}
				}
			}
		})
	}
}
