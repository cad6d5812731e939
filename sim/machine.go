package sim

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/adversary"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/challenger"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/provider"
)

// Machine is one provider: a core, an executor, a trace, a disk and a link.
type Machine struct {
	w        *World
	name     string
	player   adversary.Player
	private  ed25519.PrivateKey
	key      assay.Key
	ownerKey ed25519.PrivateKey
	owner    assay.Key

	core     adversary.Core
	cast     cast
	executor executor.Executor
	link     link
	epoch    int // of this process; what an older one started comes to nothing
	up       bool
	busy     bool // the last state it was sent had cases
	tokens   map[assay.JobID]int
	results  map[assay.JobID]*executor.Outcome // on disk
	public   map[assay.Digest]bool
	traces   map[assay.JobID]challenger.Tracer // of this process
	files    map[assay.Digest][]byte           // checkpoints, on disk
	proofs   map[assay.Digest]*provider.Proved // likewise
	keep     map[assay.JobID]bool              // whose next boundary the core wants

	forgery   forgery              // of a poisoner
	crashAt   assay.ExecutionState // zero: never
	failed    map[assay.JobID]bool // executions that have failed once
	dieAt     uint32               // boundary behind which it dies for good; zero: it does not
	dead      bool
	disturbed bool // the world kept it from meeting its clocks
	executed  int
	ran       map[assay.JobID][]work // jobs with epochs
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
	m.cast = cast{engine: w.engine, player: p, key: m.key}
	m.results = map[assay.JobID]*executor.Outcome{}
	m.failed = map[assay.JobID]bool{}
	m.proofs = map[assay.Digest]*provider.Proved{}
	m.files, m.ran = map[assay.Digest][]byte{}, map[assay.JobID][]work{}
	return m
}

// boot starts the process: all that it has is its disk.
func (m *Machine) boot() {
	core, err := provider.New(provider.Config{
		Network: m.w.network, Key: m.key, Secret: m.private.Seed(), Capacity: 4, ClockStep: m.w.Genesis.Params.ClockStep,
		ProveSteps: m.w.Setup.ProveSteps, ProveBytes: 64 << 10, CheckpointEvery: max(1, m.w.Setup.Clocks/60),
		Params: &m.w.Genesis.Params, Unrehearsed: !m.player.IsHonest(),
	})
	if err != nil {
		panic(err)
	}
	m.core, m.executor = adversary.Wrap(m.player, m.key, m.w.network, core), m.cast.executor()
	if m.player.Kind == adversary.Poison {
		m.executor = m.playForgery()
	}
	if m.forgery == standing {
		m.core = core
	}
	m.epoch++
	m.up = true
	m.keep = map[assay.JobID]bool{}
	m.tokens, m.public, m.traces = map[assay.JobID]int{}, map[assay.Digest]bool{}, map[assay.JobID]challenger.Tracer{}
}

// crash kills the process in the middle of things and plans its return.
func (m *Machine) crash() {
	m.up = false
	m.epoch++
	if m.w.Setup.Faults.Amnesia {
		m.results, m.files = map[assay.JobID]*executor.Outcome{}, map[assay.Digest][]byte{}
		m.proofs = map[assay.Digest]*provider.Proved{}
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
		if m.dead {
			return
		}
		m.boot()
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
		case provider.Prove:
			m.prove(e)
		case provider.Restore:
			m.restore(e)
		case provider.Keep:
			m.keep[e.Job] = true
		case provider.Send:
			if m.withholds(e) {
				continue
			}
			tx := m.w.sign(m.private, e.Messages...)
			m.w.trace("%s sends %s", m.name, e.Messages[0].Kind())
			m.link.tell(tx)
		case provider.Publish:
			m.public[e.Root] = true
		case provider.OpenLeaves:
			m.later(10, func() { m.hear(m.openLeaves(e)) })
		case provider.Trace:
			m.ask(e)
		case provider.Untrace:
			delete(m.traces, e.Job)
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
		if m.player.IsHonest() && m.w.hides(e.ID) || m.w.Setup.Faults.Flaky && !m.failed[e.ID] && m.w.rng.IntN(2) == 0 {
			m.failed[e.ID] = true
			m.hear(provider.Executed{Job: e.ID, Err: errors.New("bytes are missing")})
			return
		}
		o := m.results[e.ID]
		if x, ok := m.executor.(executor.Epochs); ok && (o == nil || e.Fresh) && programOf(e.Job.Program).hasEpochs() {
			m.withEpochs(x, e)
			return
		}
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

// ask puts a question of the core to its trace.
func (m *Machine) ask(e provider.Trace) {
	id := e.Ask.ID
	t := m.traces[id]
	if t == nil {
		t = m.traceOf(e)
		m.traces[id] = t
	}
	m.later(m.w.thinking(), func() {
		m.hear(provider.Traced{Answer: challenger.AnswerOf(context.Background(), t, id, e.Ask.Question)})
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

// opening shows the leaf of an output that a number names.
func opening(t *executor.OutputTree, number uint64) merkle.Opening {
	var o merkle.Opening
	folder := t.Folders[len(t.Folders)-1]
	total := merkle.FolderSize(folder.Entries)
	if total == 0 {
		step, _ := merkle.ProveEntry(folder.Entries, 0)
		o.Folders = append(o.Folders, step)
		return o
	}
	offset := number % total
	step, before := merkle.ProveEntry(folder.Entries, offset)
	o.Folders, offset = append(o.Folders, step), offset-before
	b, _ := t.File(step.Entry.Name) // simulated outputs have no files under /out
	var leaves merkle.FileTree
	_, _ = leaves.Write(b)
	i := offset / merkle.LeafSize
	o.FileSize = uint64(len(b))
	o.Leaf = b[i*merkle.LeafSize : min(uint64(len(b)), (i+1)*merkle.LeafSize)]
	o.Path = merkle.Prove(leaves.Leaves(), i)
	return o
}
