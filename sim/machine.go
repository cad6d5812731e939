package sim

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/adversary"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/ledger"
	"github.com/capacloud/assay/provider"
)

// Machine is one provider: a core, an executor, a disk and a link.
type Machine struct {
	w        *World
	name     string
	player   adversary.Player
	private  ed25519.PrivateKey
	key      assay.Key
	ownerKey ed25519.PrivateKey
	owner    assay.Key

	core     adversary.Core
	executor executor.Executor
	network  assay.NetworkID
	link     link
	epoch    int // of this process; what an older one started comes to nothing
	up       bool
	busy     bool // the last state it was sent had cases
	tokens   map[assay.JobID]int
	results  map[assay.JobID]*executor.Outcome // on disk
	public   map[assay.Digest]bool

	crashAt   assay.ExecutionState // zero: never
	failed    map[assay.JobID]bool // executions that have failed once
	disturbed bool                 // the world kept it from meeting its clocks
	executed  int
}

func newMachine(w *World, i int, p adversary.Player) *Machine {
	m := &Machine{w: w, name: fmt.Sprintf("p%d(%s)", i, p), player: p, up: true}
	m.private = w.keyOf(fmt.Sprintf("provider %d", i))
	m.ownerKey = m.private
	if w.Setup.Shared && i%3 == 1 {
		m.ownerKey = w.Machines[i-1].ownerKey
	}
	m.key, m.owner = assay.KeyOf(m.private), assay.KeyOf(m.ownerKey)
	m.link.w = w
	m.results = map[assay.JobID]*executor.Outcome{}
	m.failed = map[assay.JobID]bool{}
	return m
}

// boot starts the process: all that it has is its disk.
func (m *Machine) boot(network assay.NetworkID) {
	m.network = network
	core, err := provider.New(provider.Config{Network: network, Key: m.key, Secret: m.private.Seed(), Capacity: 4})
	if err != nil {
		panic(err)
	}
	m.core = adversary.Wrap(m.player, m.key, network, core)
	m.executor = adversary.Executor(m.player, m.key, m.w.honest)
	m.epoch++
	m.up = true
	m.tokens, m.public = map[assay.JobID]int{}, map[assay.Digest]bool{}
}

// crash kills the process in the middle of things and plans its return.
func (m *Machine) crash() {
	m.up = false
	m.epoch++
	if m.w.Setup.Faults.Amnesia {
		m.results = map[assay.JobID]*executor.Outcome{}
	}
	// A few seconds are less than the clocks of a wide network, so a provider
	// that loses anything by them has a bug. On a local one they are fatal, and
	// so they are where other misfortunes have used up the rest of the clock.
	f := &m.w.Setup.Faults
	if m.w.Setup.Clocks < 30_000 || f.LateTicks || f.Flaky && f.Drop > 0 {
		m.disturbed = true
	}
	m.w.trace("%s crashes", m.name)
	m.w.after(assay.Millis(500+m.w.rng.IntN(4000)), func() {
		m.boot(m.network)
		m.w.trace("%s is back", m.name)
	})
}

// hear hands an event to the core.
func (m *Machine) hear(e provider.Event) {
	if !m.up {
		return
	}
	if s, ok := e.(provider.State); ok && m.crashAt != 0 && m.inPhase(s.Cases) {
		m.crashAt = 0
		// The effects of this step are the last that anyone sees, or not even they.
		if m.w.rng.IntN(2) == 0 {
			m.carry(m.core.Step(e))
		}
		m.crash()
		return
	}
	m.carry(m.core.Step(e))
}

func (m *Machine) inPhase(cases []*board.Case) bool {
	for _, c := range cases {
		for i := range c.Seats {
			if c.Seats[i].Provider == m.key && c.Seats[i].State == m.crashAt {
				return true
			}
		}
	}
	return false
}

// carry does what the core asked for.
func (m *Machine) carry(effects []provider.Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case provider.Execute:
			m.execute(e)
		case provider.Cancel:
			m.tokens[e.Job]++
		case provider.Send:
			tx := m.w.sign(m.private, e.Messages...)
			m.w.trace("%s sends %s", m.name, e.Messages[0].Kind())
			m.link.send(out, func() { m.w.Chain.receive(tx) })
		case provider.Publish:
			m.public[e.Root] = true
		case provider.OpenLeaves:
			m.later(10, func() { m.hear(m.openLeaves(e)) })
		case provider.Report:
			m.w.trace("%s reports %v", m.name, e.Err)
		}
	}
}

// later plans something that dies with the process.
func (m *Machine) later(d assay.Millis, fn func()) {
	epoch := m.epoch
	m.w.after(d, func() {
		if m.epoch == epoch {
			fn()
		}
	})
}

func (m *Machine) execute(e provider.Execute) {
	token := m.tokens[e.ID]
	long := assay.Millis(1)
	if m.results[e.ID] == nil || e.Fresh {
		long = assay.Millis(20 + m.w.rng.Int64N(int64(m.w.Setup.Clocks/8)))
	}
	m.later(long, func() {
		if m.tokens[e.ID] != token {
			return
		}
		if m.w.Setup.Faults.Flaky && !m.failed[e.ID] && m.w.rng.IntN(2) == 0 {
			m.failed[e.ID] = true
			m.hear(provider.Executed{Job: e.ID, Err: errors.New("bytes are missing")})
			return
		}
		o := m.results[e.ID]
		if o == nil || e.Fresh {
			var err error
			if o, err = m.executor.Execute(context.Background(), &e.Job, artifacts{}); err != nil {
				panic(err)
			}
			m.executed++
			m.results[e.ID] = o
		}
		m.hear(provider.Executed{Job: e.ID, Result: o.Result})
	})
}

func (m *Machine) openLeaves(e provider.OpenLeaves) provider.Event {
	answer := provider.LeavesOpened{Job: e.Job, Height: e.Height}
	o := m.results[e.Job]
	if o == nil || o.Output.Root != e.Root {
		answer.Err = errors.New("no such output")
		return answer
	}
	for _, n := range e.Offsets {
		answer.Openings = append(answer.Openings, opening(o.Output, n))
	}
	return answer
}

// serves reports whether the output can be fetched from this machine now.
func (m *Machine) serves(root assay.Digest) bool {
	return m.up && m.w.now >= m.link.cut && m.public[root]
}

// notify sends the state after a block to everybody whom it concerns.
func (w *World) notify() {
	l := w.Chain.ledger
	at := l.Moment()
	for _, m := range w.Machines {
		cases := l.Cases(ledger.Filter{Provider: m.key})
		if len(cases) > 0 || m.busy {
			m.busy = len(cases) > 0
			m.link.send(in, func() { m.hear(provider.State{Moment: at, Cases: cases}) })
		}
	}
	var open []*board.Case
	for _, id := range w.Chain.open {
		open = append(open, w.caseOf(id))
	}
	for _, v := range w.validators {
		v.link.send(in, func() { v.carry(v.core.Step(provider.State{Moment: at, Cases: open})) })
	}
	for _, c := range w.Clients {
		c.notify(at)
	}
	if w.Setup.Faults.Heckle && !w.healed && len(open) > 0 {
		w.heckle(open[w.rng.IntN(len(open))])
	}
}
