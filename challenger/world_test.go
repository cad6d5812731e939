package challenger_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/adversary"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/challenger"
	"github.com/capacloud/assay/dispute"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/provider"
)

// toy is a machine whose states are named by their number. It knows its job's
// result from the start, and a witness is the number of a state.
type toy struct {
	job    assay.JobID
	steps  uint64
	result assay.Result
}

const (
	toySteps   = 70_000
	toyBound   = 1 << 20 // four levels
	toySegment = 64      // a longer one does not fit a witness
)

// record is the last state of a toy.
type record struct {
	_      struct{} `cbor:",toarray"`
	Job    assay.JobID
	Result assay.Result
}

func (m *toy) last() []byte { return canon.Marshal(record{Job: m.job, Result: m.result}) }

func rootOfRecord(b []byte) assay.Digest { return canon.Hash("toy/last", b) }

func (m *toy) root(i uint64) assay.Digest {
	if i >= m.steps {
		return rootOfRecord(m.last())
	}
	return canon.Hash("toy/state", m.job[:], binary.LittleEndian.AppendUint64(nil, i))
}

// Last implements dispute.Machine.
func (m *toy) Last(b []byte) (root, result assay.Digest, err error) {
	var r record
	if err := canon.Unmarshal(b, &r); err != nil || r.Job != m.job || r.Result.Validate() != nil {
		return root, result, assay.Refuse("bad-record", "%v", err)
	}
	return rootOfRecord(b), r.Result.Digest(), nil
}

// Run implements dispute.Machine.
func (m *toy) Run(start assay.Digest, steps uint64, witness []byte) (dispute.Segment, error) {
	if len(witness) != 8 || steps > toySegment {
		return dispute.Segment{}, assay.Refuse("bad-witness", "%d bytes for %d steps", len(witness), steps)
	}
	i := binary.LittleEndian.Uint64(witness)
	if m.root(i) != start {
		return dispute.Segment{}, assay.Refuse("bad-witness", "state %d is another", i)
	}
	return dispute.Segment{End: m.root(i + steps), Steps: steps, Bytes: 8}, nil
}

// Final implements challenger.Tracer.
func (m *toy) Final(context.Context) (challenger.Final, error) {
	return challenger.Final{Steps: m.steps, Last: m.last(), Result: m.result}, nil
}

// Roots implements challenger.Tracer.
func (m *toy) Roots(_ context.Context, start, stride uint64, n int) ([]assay.Digest, error) {
	var list []assay.Digest
	for i := range n {
		list = append(list, m.root(start+uint64(i+1)*stride))
	}
	return list, nil
}

// Prove implements challenger.Tracer.
func (m *toy) Prove(_ context.Context, start, steps uint64) ([]byte, error) {
	if steps > toySegment {
		return nil, fmt.Errorf("%d steps: %w", steps, challenger.ErrTooLarge)
	}
	return binary.LittleEndian.AppendUint64(nil, start), nil
}

// Program implements challenger.Tracer.
func (m *toy) Program(context.Context) ([]byte, error) {
	return bytes.Repeat([]byte("program "), 100_000), nil
}

// Restate implements adversary.Forger: a toy can state any result.
func (m *toy) Restate(_ []byte, r assay.Result) ([]byte, assay.Digest, error) {
	b := canon.Marshal(record{Job: m.job, Result: r})
	return b, rootOfRecord(b), nil
}

// Execute implements executor.Executor.
func (m *toy) Execute(context.Context, *assay.Job, executor.Artifacts) (*executor.Outcome, error) {
	return &executor.Outcome{Result: m.result, Output: executor.EmptyOutput()}, nil
}

// toyReferee puts toys into the board's table.
type toyReferee struct{}

func (toyReferee) Version() string                     { return "toy/1" }
func (toyReferee) Steps(*assay.Job, uint64) uint64     { return toyBound }
func (toyReferee) Positions([]byte, *assay.Job) uint64 { return 0 }
func (toyReferee) Lower([]byte) board.Lowering         { return nil }
func (toyReferee) Machine([]byte, *assay.Job) (assay.Digest, dispute.Machine, error) {
	return assay.Digest{}, nil, errors.New("the world has its own")
}

// world is one case with one game, and the parties around it. Blocks are made
// every 250 ms.
type world struct {
	t       *testing.T
	toy     *toy
	c       board.Case
	game    *dispute.Game
	at      assay.Moment
	parties []*party
	events  int            // heard by parties so far
	posted  []string       // what was accepted
	codes   map[string]int // refusals by party and code
	settled bool           // the case is, and the game is an appeal's
}

// party is one key with a core and the means to carry out what it wants.
type party struct {
	name     string
	key      assay.Key
	player   adversary.Player
	watcher  func() adversary.Challenger
	provider func() adversary.Core
	w        adversary.Challenger
	p        adversary.Core
	tracer   challenger.Tracer
	executor executor.Executor
	crash    func() bool  // asked before every event
	absent   func() bool  // hears nothing while it holds
	slow     assay.Millis // until the trace is there
	waiting  []challenger.Ask
}

var testJob = assay.Job{
	Version: 1, Runtime: "toy/1", Program: merkle.FileOf([]byte("x")), Limits: assay.DefaultLimits(),
	Policy: "optimistic(30s)", MaxPrice: 1000, Deadline: 1 << 40, Requester: assay.Key{1},
}

func newWorld(t *testing.T) *world {
	old := board.SetReferee("toy/1", toyReferee{})
	t.Cleanup(func() { board.SetReferee("toy/1", old) })
	w := &world{t: t, at: assay.Moment{Height: 1, Clock: 1000}, codes: map[string]int{}}
	w.toy = &toy{job: testJob.ID(), steps: toySteps, result: assay.Result{Status: assay.Exited, Fuel: 50_000, Output: assay.Digest{7}, State: assay.Digest{8}}}
	w.c = board.Case{ID: testJob.ID(), Network: assay.Digest{9}, Job: testJob, Phase: board.Disputing}
	return w
}

// watch adds somebody who watches.
func (w *world) watch(name string, p adversary.Player) *party {
	k := w.add(name, p)
	k.watcher = func() adversary.Challenger {
		core, err := challenger.New(challenger.Config{Network: w.c.Network, Key: k.key, ClockStep: 250, ProveSteps: 32, ProveBytes: 1 << 10})
		if err != nil {
			w.t.Fatal(err)
		}
		return adversary.WrapChallenger(p, k.key, core)
	}
	return k
}

// seated adds a provider that has opened its result.
func (w *world) seated(name string, p adversary.Player) *party {
	k := w.add(name, p)
	k.provider = func() adversary.Core {
		core, err := provider.New(provider.Config{Network: w.c.Network, Key: k.key, Secret: []byte("sixteen bytes or more"), ClockStep: 250})
		if err != nil {
			w.t.Fatal(err)
		}
		return adversary.Wrap(p, k.key, w.c.Network, core)
	}
	o, err := k.executor.Execute(context.Background(), &w.c.Job, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.c.Seats = append(w.c.Seats, board.Seat{
		Number: uint16(len(w.c.Seats)), Role: assay.RoleExecutor, Provider: k.key, State: assay.Opened, Result: &o.Result,
	})
	return k
}

func (w *world) add(name string, p adversary.Player) *party {
	k := &party{name: name, key: assay.Key(canon.Hash("toy/key", []byte(name))), player: p}
	k.executor = adversary.Executor(p, k.key, w.toy)
	k.tracer = adversary.Tracer(p, k.key, &w.c.Job, w.toy, w.toy)
	w.parties = append(w.parties, k)
	return k
}

func (k *party) boot() {
	k.w, k.p = nil, nil
	if k.watcher != nil {
		k.w = k.watcher()
	} else {
		k.p = k.provider()
	}
}

// begin starts the game about what the seats have opened.
func (w *world) begin() {
	w.play()
	for _, k := range w.parties {
		k.boot()
	}
}

func (w *world) play() {
	var candidates []assay.Digest
	for _, s := range w.c.Seats {
		candidates = append(candidates, s.Result.Digest())
	}
	p := assay.LocalParams()
	rules, err := dispute.NewRules(&p, dispute.Costs{Claim: 10, Refine: 5, Prove: 100}, toyBound, toyBound, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	g := dispute.New(rules, w.c.ID, w.toy.root(0), candidates, w.at.Clock)
	w.game = &g
}

// settle ends the case with the first seat's result. A claim against it opens an
// appeal.
func (w *world) settle() {
	w.settled = true
	w.c.Phase = board.Settled
	w.c.Record = &assay.Record{Verdict: assay.Verdict{Outcome: assay.Accepted, Result: w.c.Seats[0].Result}}
	for _, k := range w.parties {
		k.boot()
	}
}

// show returns the case as the ledger shows it now, and the appeals about it.
func (w *world) show() (*board.Case, []challenger.Appealed) {
	c := w.c
	if w.game == nil {
		return &c, nil
	}
	g := w.game.Copy()
	d := board.Dispute{Asked: assay.Moment{Height: 1}, Game: &g}
	if w.game.IsOver() {
		d.Ended = w.at
	}
	if w.settled {
		return &c, []challenger.Appealed{{Case: &c, Appeal: &board.Appeal{Job: c.ID, Result: c.Record.Verdict.Result.Digest(), Dispute: d}}}
	}
	c.Disputes = []board.Dispute{d}
	return &c, nil
}

// block makes one, and lets everybody hear of it.
func (w *world) block() {
	w.at.Height, w.at.Clock = w.at.Height+1, w.at.Clock.Add(250)
	if w.game != nil {
		w.game.Advance(w.at.Clock)
	}
	for _, k := range w.parties {
		if k.absent == nil || !k.absent() {
			w.state(k)
		}
		if k.w != nil && len(k.waiting) > 0 && !w.busy(k) {
			asked := k.waiting
			k.waiting = nil
			for _, e := range asked {
				w.watched(k, []challenger.Effect{e})
			}
		}
	}
}

// run lets the game end.
func (w *world) run() dispute.Outcome {
	w.t.Helper()
	limit := w.game.Began.Add(w.game.Rules.Total() + 10_000)
	for !w.game.IsOver() {
		if w.at.Clock > limit {
			w.t.Fatal("the game outlives its hard total")
		}
		w.block()
	}
	return w.game.Outcome()
}

func (w *world) state(k *party) {
	w.crash(k)
	c, appeals := w.show()
	switch {
	case k.w != nil:
		w.watched(k, k.w.Step(challenger.State{Moment: w.at, Cases: []*board.Case{c}, Appeals: appeals}))
	case w.settled:
		w.provided(k, k.p.Step(provider.State{Moment: w.at, Appeals: appeals}))
	default:
		w.provided(k, k.p.Step(provider.State{Moment: w.at, Cases: []*board.Case{c}}))
	}
}

func (w *world) crash(k *party) {
	w.events++
	if k.crash != nil && k.crash() {
		k.boot()
	}
}

func (w *world) watched(k *party, effects []challenger.Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case challenger.Execute:
			o, err := k.executor.Execute(context.Background(), &e.Job, nil)
			if err != nil {
				w.t.Fatal(err)
			}
			w.watched(k, k.w.Step(challenger.Executed{Job: e.ID, Result: o.Result}))
		case challenger.Ask:
			if a, ok := w.answer(k, e); ok {
				w.crash(k)
				w.watched(k, k.w.Step(a))
			}
		case challenger.Send:
			w.apply(k, e.Messages)
		}
	}
}

func (w *world) provided(k *party, effects []provider.Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case provider.Trace:
			if a, ok := w.answer(k, e.Ask); ok {
				w.crash(k)
				w.provided(k, k.p.Step(provider.Traced{Answer: a}))
			}
		case provider.Send:
			w.apply(k, e.Messages)
		}
	}
}

// busy reports whether a party's machine still runs.
func (w *world) busy(k *party) bool {
	return k.slow > 0 && w.at.Clock < w.game.Began.Add(k.slow)
}

// answer asks a party's tracer. Whoever asks while the machine still runs hears
// nothing until it is done.
func (w *world) answer(k *party, e challenger.Ask) (challenger.Answer, bool) {
	if w.busy(k) {
		k.waiting = append(k.waiting, e)
		return challenger.Answer{}, false
	}
	return challenger.AnswerOf(context.Background(), k.tracer, e.ID, e.Question), true
}

func (w *world) apply(k *party, messages []assay.Message) {
	for _, m := range messages {
		var err error
		switch m := m.(type) {
		case *assay.PostClaim:
			if w.game == nil {
				w.play()
			}
			if _, err = w.game.Price(w.at.Clock, k.key, m); err == nil {
				err = w.game.Claim(w.toy, w.at.Clock, k.key, m, 10)
			}
		case *assay.PostRefinement:
			err = w.game.Refine(w.at.Clock, k.key, m, 5)
		case *assay.PostProof:
			err = w.game.Prove(w.toy, w.at.Clock, k.key, m, 100)
		}
		if err != nil {
			w.codes[k.name+" "+string(assay.CodeOf(err))]++
			continue
		}
		w.posted = append(w.posted, k.name+" "+m.Kind().String())
	}
}
