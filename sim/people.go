package sim

import (
	"cmp"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
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
	copies  map[assay.Digest][]byte // of checkpoints
	copying map[assay.Digest]bool
}

func newValidator(w *World, k ed25519.PrivateKey, deaf bool) *validator {
	core, err := provider.NewAttester(assay.KeyOf(k), 0)
	if err != nil {
		panic(err)
	}
	core.HoldInputs(w.params())
	return &validator{
		w: w, private: k, core: core, deaf: deaf, link: link{w: w}, copies: map[assay.Digest][]byte{}, copying: map[assay.Digest]bool{},
	}
}

func (v *validator) carry(effects []provider.Effect) {
	if v.deaf {
		return
	}
	for _, e := range effects {
		switch e := e.(type) {
		case provider.Send:
			tx := v.w.sign(v.private, e.Messages...)
			v.link.tell(tx)
		case provider.Fetch:
			v.w.after(v.w.delay(), func() { v.carry(v.core.Step(v.fetch(e))) })
		case provider.FetchInputs:
			v.w.after(v.w.delay(), func() { v.carry(v.core.Step(v.fetchInputs(e))) })
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

func (v *validator) fetchInputs(e provider.FetchInputs) provider.Event {
	f := provider.Fetched{Job: e.ID, Output: e.Job.InputsDigest()}
	if v.w.hides(e.ID) {
		f.Err = errors.New("nobody serves it")
	}
	return f
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
	hides   bool // program and inputs from everybody but the cheats
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
	c.hides = w.Setup.Faults.Hidden && w.rng.IntN(2) == 0
	return c
}

// hides reports whether a job's program is kept from the honest.
func (w *World) hides(id assay.JobID) bool {
	return slices.ContainsFunc(w.Clients, func(c *Client) bool { return c.ID == id && c.hides })
}

// begin writes the job and starts following it.
func (c *Client) begin() {
	w := c.w
	work := c.name
	if w.Setup.Faults.Repeat {
		work = "r0"
	}
	wait := cmp.Or(w.Setup.Patience, 600_000)
	if w.Setup.Faults.Tight {
		wait = w.Genesis.Params.Slack + w.Genesis.Params.TagClock + 5000
	}
	p := w.pick(work)
	c.Job = assay.Job{
		Version: 1, Runtime: w.Setup.runtime(), Program: p.digest, Args: []string{"job", work},
		Seed: w.Setup.Seed % 4, Limits: assay.Limits{Fuel: p.fuel(), Memory: 3 * assay.WasmPage, Frames: 64, Slots: 1024, Output: 1 << 16, Files: 4},
		Policy: c.policy, MaxPrice: 5000, Deadline: w.now.Add(wait), Requester: c.key, Nonce: w.rng.Uint64(),
	}
	config := requester.Config{Job: c.Job, Bytes: uint64(len(p.bytes))}
	if strings.Contains(c.policy, "zk(") {
		config.Keys = []requester.Key{w.theProofKey()}
	}
	core, err := requester.New(config)
	if err != nil {
		panic(err)
	}
	c.core, c.ID = core, core.ID()
	w.trace("%s has job %s of %s under %s", c.name, c.ID.Short(), p.name, c.policy)
	c.passed()
}

// pick returns the program of a computation: equal names, equal programs.
func (w *World) pick(work string) *program {
	if w.Setup.Epochs {
		d := canon.Hash("assay/sim-program/2", binary.LittleEndian.AppendUint64(nil, w.Setup.Seed), []byte(work))
		return &epochPrograms[int(d[0])%len(epochPrograms)]
	}
	if w.Setup.Proofs {
		d := canon.Hash("assay/sim-program/3", binary.LittleEndian.AppendUint64(nil, w.Setup.Seed), []byte(work))
		return w.programNamed(proofPrograms[int(d[0])%len(proofPrograms)])
	}
	if p := w.programNamed(w.Setup.Program); p != nil {
		return p
	}
	d := canon.Hash("assay/sim-program/1", binary.LittleEndian.AppendUint64(nil, w.Setup.Seed), []byte(work))
	return &programs[int(d[0])%len(programs)]
}

func (w *World) programNamed(name string) *program {
	for i := range programs {
		if programs[i].name == name {
			return &programs[i]
		}
	}
	return nil
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
	c.link.hear(func() { c.carry(c.core.Step(requester.State{Moment: at, Case: k})) })
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
			c.link.tell(tx)
		case requester.Progress:
			c.Told = append(c.Told, e.Kind)
		case requester.Done:
			c.done, c.End = true, e
		}
	}
}
