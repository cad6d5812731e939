package main

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/adversary"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/challenger"
	executor "github.com/capacloud/assay/executor/wasm"
	"github.com/capacloud/assay/executor/zkvm"
	"github.com/capacloud/assay/node"
	"github.com/capacloud/assay/provider"
)

// session is a network with the means to submit to it.
type session struct {
	network node.Network
	key     ed25519.PrivateKey
	store   *blob.Store // the requester's: program, inputs, fetched output
	remote  blob.Source // the validator's: outputs are fetched there
	upload  func(ctx context.Context, job *assay.Job) error
	names   map[assay.Key]string // p1, p2, … of an in-process network

	local  *node.Local // nil for a network behind a URL
	engine *executor.Executor
	busy   bool // something was left behind by an interrupt: the engine must not be closed under it
	closer []func()
}

func (s *session) close() {
	for i := len(s.closer) - 1; i >= 0; i-- {
		s.closer[i]()
	}
}

// connect starts the in-process network, or reaches the one behind --network.
func (o *runOptions) connect(cmd *cobra.Command, u *ui, watch *stopwatch) (*session, error) {
	if o.network != "" {
		return o.connectURL(cmd, u)
	}
	ctx := cmd.Context()
	cheaters, err := o.cheaters.counts(o.providers)
	if err != nil {
		return nil, err
	}
	s := u.start("network", "in-process: starting 1 validator and %d providers", o.providers)
	engine, err := newEngine(ctx)
	if err != nil {
		s.close()
		return nil, err
	}
	local, err := node.StartLocal(ctx, node.LocalConfig{Providers: o.providers, Cheaters: cheaters, NoWatcher: o.noWatcher, Executor: enginesOf(engine, zkvm.Options{Stored: o.stored}), Runtimes: runtimesRun(), CheckpointEvery: node.LocalCheckpoints, Logger: u.logger(expected(cheaters)...)})
	if err != nil {
		s.close()
		endEngine(engine)
		return nil, err
	}
	watch.add("start", s.end("in-process: 1 validator, %d providers%s%s (reproducibility, not independence)", o.providers, planted(cheaters), watching(o.noWatcher)))
	if w := engine.Warning(); w != "" {
		u.line("warning", "%s", w)
	}
	net := &session{network: local.Network, key: local.Requester, remote: local.Blobs, names: map[assay.Key]string{}, local: local, engine: engine}
	net.closer = append(net.closer, func() {
		if !net.busy {
			endEngine(engine)
		}
	}, func() {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWait)
		defer cancel()
		if abandoned, _ := await(late, local.Close); abandoned {
			net.busy = true
		}
	})
	if !local.Watcher.IsZero() {
		net.names[local.Watcher] = "watcher"
	}
	for i, k := range local.Providers {
		net.names[k] = fmt.Sprintf("p%d", i+1)
	}
	if net.store, err = blob.OpenMemory(blob.Config{}); err != nil {
		net.close()
		return nil, err
	}
	net.closer = append(net.closer, func() { end(net.store) })
	net.upload = func(ctx context.Context, job *assay.Job) error {
		files, err := node.FilesOf(ctx, net.store, job)
		if err != nil {
			return err
		}
		for _, e := range files {
			if _, err := blob.Copy(ctx, local.Blobs, net.store, e.Digest, e.Kind); err != nil {
				return err
			}
		}
		return nil
	}
	return net, nil
}

// precompile compiles a program for all providers of an in-process network.
func (s *session) precompile(ctx context.Context, program []byte, l assay.Limits) (err error) {
	s.busy, err = await(ctx, func() error { return s.engine.Precompile(ctx, program, l) })
	return err
}

// closeWait is how long the end of a command waits for executions that do not
// heed theirs. Everything of an in-process network is in memory.
const closeWait = 2 * time.Second

// await runs what may not heed its context, wazero's compiler above all, and
// leaves it behind when the context ends first: the process is about to exit.
func await(ctx context.Context, fn func() error) (abandoned bool, err error) {
	done := make(chan error, 1)
	go func() { done <- fn() }()
	select {
	case err := <-done:
		return false, err
	case <-ctx.Done():
		return true, ctx.Err()
	}
}

// maxLocalProviders bounds an in-process network; beyond it a laptop only swaps.
const maxLocalProviders = 200

func planted(c adversary.Counts) string {
	text := ""
	for _, k := range plantable {
		if n := c[k.kind]; n > 0 {
			text += fmt.Sprintf(", %d %s", n, k.kind)
		}
	}
	return text
}

// expected are the codes of warnings that are no news: a dispute is told in lines
// of its own, and whoever was planted to lie cannot prove it.
func expected(c adversary.Counts) []assay.Code {
	list := []assay.Code{challenger.CodeChallenged}
	if len(c) > 0 {
		list = append(list, provider.CodeUntraced)
	}
	return list
}

func watching(no bool) string {
	if no {
		return ", no watcher"
	}
	return ", 1 watcher"
}

// nameOf is how a provider is called on the terminal.
func (s *session) nameOf(k assay.Key) string {
	if n, ok := s.names[k]; ok {
		return n
	}
	return k.Short()
}

// deadlineSlack is added to the policy's own phases when no deadline is given:
// replacements and a slow network need room. A dispute comes on top, since who
// lost it is replaced.
const deadlineSlack = 4

func (o *runOptions) deadlineOf(net *session, job *assay.Job, bytes uint64) (assay.Time, error) {
	at := node.Now()
	if o.deadline != 0 {
		return at.Add(assay.MillisOf(o.deadline)), nil
	}
	p := net.network.Genesis().Params
	probe := *job
	probe.Deadline = at.Add(assay.MillisOf(365 * 24 * time.Hour))
	plan, err := board.NewPlan(&p, &probe, bytes)
	if err != nil {
		return 0, err
	}
	return at.Add(plan.PhaseTotal*deadlineSlack + plan.DisputeTotal), nil
}
