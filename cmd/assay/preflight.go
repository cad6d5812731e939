package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/ledger"
	"github.com/capacloud/assay/node"
	"github.com/capacloud/assay/policy"
	"github.com/capacloud/assay/requester"
)

// Everything that can be refused is refused before anything is compiled, sent
// or paid for.

// validate checks the flags of `run` and returns the policy in canonical text.
func (o *runOptions) validate() (string, error) {
	canonical, err := policy.Parse(o.policy)
	if err != nil {
		return "", err
	}
	if o.deadline < 0 {
		return "", badInput(board.CodeDeadlineShort, "--deadline %s lies in the past", o.deadline)
	}
	if err := o.validateJob(); err != nil {
		return "", err
	}
	if err := deliverable(o.out); err != nil {
		return "", err
	}
	target := "."
	if o.receipt != "" {
		target = filepath.Dir(o.receipt)
		if info, err := os.Stat(o.receipt); err == nil && !info.Mode().IsRegular() {
			return "", badInput(codeFile, "--receipt %s is no file", o.receipt)
		}
	}
	return canonical.String(), writable(target, "the receipt; choose another place with --receipt FILE")
}

// validateJob checks what `run` and `check` have in common, by the job's own
// rules, with a stand-in for what is not known yet.
func (o *runOptions) validateJob() error {
	job := assay.Job{
		Version: 1, Runtime: assay.RuntimeWasm, Program: assay.Digest{1}, Env: envOf(o.env), Limits: o.limits,
		Policy: "none", Deadline: 1, Requester: assay.Key{1},
	}
	if err := job.Validate(); err != nil {
		return err
	}
	names := map[string]bool{}
	for _, p := range o.in {
		name, err := baseName(p)
		if err != nil {
			return err
		}
		if names[name] {
			return badInput(codeInputTwice, "two --in are called %q", name)
		}
		names[name] = true
	}
	for _, p := range append([]string{o.stdin}, o.in...) {
		if p == "" {
			continue
		}
		if _, err := os.Lstat(p); err != nil {
			return badInput(codeFile, "%v", err)
		}
	}
	return nil
}

// delivered are the names that a delivery writes into --out, and replaces there.
var delivered = []string{"out", "stderr", "stdout"}

// deliverable refuses a --out that cannot be written, or that holds anything
// but an earlier delivery: the job would be paid for and its output lost, or
// mixed with what is not its own.
func deliverable(dir string) error {
	if dir == "" {
		return nil
	}
	list, err := os.ReadDir(dir)
	for _, e := range list {
		if !slices.Contains(delivered, e.Name()) {
			return badInput(codeOutNotEmpty, "--out %s holds %s", dir, e.Name())
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return badInput(codeFile, "--out: %v", err)
	}
	for errors.Is(err, fs.ErrNotExist) {
		dir = filepath.Dir(dir)
		_, err = os.Stat(dir)
	}
	return writable(dir, "--out")
}

// writable tries.
func writable(dir, what string) error {
	f, err := os.CreateTemp(dir, ".assay-*")
	if err != nil {
		return badInput(codeFile, "cannot write %s: %v", what, err)
	}
	f.Close()
	os.Remove(f.Name())
	return nil
}

// afford asks, by the ledger's own rules, whether the job would be opened and
// can be paid for. A refused transaction would cost its fee.
func (o *runOptions) afford(ctx context.Context, net *session, job *assay.Job, bytes uint64, keys []requester.Key) error {
	g := net.network.Genesis()
	head, err := net.network.Head(ctx)
	if err != nil {
		return networkError(err)
	}
	at := head.Moment
	at.Time = max(at.Time, node.Now())
	submit := &assay.Submit{Job: *job, Bytes: bytes}
	for _, k := range keys {
		submit.Keys = append(submit.Keys, k.Digest)
	}
	c, err := board.Open(&g.Params, g.ID(), submit, at, false)
	if err != nil {
		return err
	}
	if net.local == nil && c.Escrow < faucetPortion {
		if err := fill(ctx, net.network, net.key, c.Escrow); err != nil {
			return err
		}
	}
	account, err := net.network.Account(ctx, job.Requester)
	if err != nil {
		return networkError(err)
	}
	if account.Balance < c.Escrow {
		return badInput(ledger.CodeBalance, "the escrow is %s and the account %s holds %s; nothing was submitted",
			credits(c.Escrow), job.Requester.Short(), credits(account.Balance))
	}
	return nil
}
