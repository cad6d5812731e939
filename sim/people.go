package sim

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/provider"
	"github.com/capacloud/assay/requester"
)

// validator attests outputs, unless it is deaf.
type validator struct {
	w       *World
	private ed25519.PrivateKey
	core    *provider.Attester
	link    link
	deaf    bool
}

func newValidator(w *World, k ed25519.PrivateKey, deaf bool) *validator {
	core, err := provider.NewAttester(assay.KeyOf(k), 0)
	if err != nil {
		panic(err)
	}
	return &validator{w: w, private: k, core: core, deaf: deaf, link: link{w: w}}
}

func (v *validator) carry(effects []provider.Effect) {
	if v.deaf {
		return
	}
	for _, e := range effects {
		switch e := e.(type) {
		case provider.Send:
			tx := v.w.sign(v.private, e.Messages...)
			v.link.send(out, func() { v.w.Chain.receive(tx) })
		case provider.Fetch:
			v.w.after(v.w.delay(), func() { v.carry(v.core.Step(v.fetch(e))) })
		}
	}
}

func (v *validator) fetch(e provider.Fetch) provider.Event {
	for _, m := range v.w.Machines {
		for _, k := range e.From {
			if m.key == k && m.serves(e.Output) {
				return provider.Fetched{Job: e.Job, Output: e.Output}
			}
		}
	}
	return provider.Fetched{Job: e.Job, Output: e.Output, Err: errors.New("nobody serves it")}
}

// Client is the requester of one job.
type Client struct {
	w       *World
	name    string
	policy  string
	private ed25519.PrivateKey
	key     assay.Key
	link    link
	core    *requester.Requester
	vanish  bool
	done    bool
	End     requester.Done
	Job     assay.Job
	ID      assay.JobID
	Told    []requester.Kind
}

func newClient(w *World, i int) *Client {
	c := &Client{w: w, name: fmt.Sprintf("r%d", i), policy: w.Setup.Policies[i], private: w.keyOf(fmt.Sprintf("requester %d", i))}
	c.key = assay.KeyOf(c.private)
	c.link.w = w
	c.vanish = w.Setup.Faults.Vanish && w.rng.IntN(2) == 0
	return c
}

// begin writes the job and starts following it.
func (c *Client) begin() {
	w := c.w
	work := c.name
	if w.Setup.Faults.Repeat {
		work = "r0"
	}
	p := &w.Genesis.Params
	wait := assay.Millis(600_000)
	if w.Setup.Faults.Tight {
		wait = p.Slack + p.TagClock + 5000
	}
	c.Job = assay.Job{
		Version: 1, Runtime: assay.RuntimeWasm, Program: program, Args: []string{"job", work},
		Seed: w.Setup.Seed, Limits: assay.Limits{Fuel: 1_000_000, Memory: 2 * assay.WasmPage, Frames: 64, Slots: 1024, Output: 1 << 16, Files: 4},
		Policy: c.policy, MaxPrice: 5000, Deadline: w.now.Add(wait), Requester: c.key, Nonce: w.rng.Uint64(),
	}
	core, err := requester.New(requester.Config{Job: c.Job})
	if err != nil {
		panic(err)
	}
	c.core, c.ID = core, core.ID()
	w.trace("%s has job %s under %s", c.name, c.ID.Short(), c.policy)
	c.passed()
}

// passed lets local time pass for the requester.
func (c *Client) passed() {
	if !c.done {
		c.carry(c.core.Step(requester.Passed{Now: c.w.now}))
		c.w.after(2000, c.passed)
	}
}

func (c *Client) notify(at assay.Moment) {
	if c.core == nil || c.done {
		return
	}
	k := c.w.caseOf(c.ID)
	if k != nil && c.vanish {
		c.done = true
		c.w.trace("%s is never seen again", c.name)
		return
	}
	c.link.send(in, func() { c.carry(c.core.Step(requester.State{Moment: at, Case: k})) })
	if k != nil && k.Record != nil && !c.done {
		// The chain may fall silent now: what was lost, a poll would bring.
		c.w.after(3000, func() { c.carry(c.core.Step(requester.State{Moment: at, Case: k})) })
	}
}

func (c *Client) carry(effects []requester.Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case requester.Send:
			tx := c.w.sign(c.private, e.Messages...)
			c.link.send(out, func() { c.w.Chain.receive(tx) })
		case requester.Progress:
			c.Told = append(c.Told, e.Kind)
		case requester.Done:
			c.done, c.End = true, e
		}
	}
}

// program is the digest of the program that every simulated job runs.
var program = merkle.FileOf(guest)

// hashOf is a hash for the pretended executor.
func hashOf(job *assay.Job, what string) assay.Digest {
	work := job.Work()
	return canon.Hash("assay/sim-result/1", work[:], []byte(what))
}
