package sim

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/adversary"
	"github.com/capacloud/assay/challenger"
	"github.com/capacloud/assay/executor"
)

// Watcher is a stranger who executes what others are paid for, and disputes what
// differs: a challenger's core, an executor, a trace and a link. Some of them
// cheat.
type Watcher struct {
	w       *World
	name    string
	cast    cast
	private ed25519.PrivateKey
	key     assay.Key
	from    assay.Time // before, it does not watch

	core      adversary.Challenger
	executor  executor.Executor
	link      link
	epoch     int // of this process
	up        bool
	tokens    map[assay.JobID]int
	traces    map[assay.JobID]challenger.Tracer
	failed    map[assay.JobID]bool
	claims    map[assay.JobID]int // sent
	disturbed bool                // the world kept it from meeting its clocks
}

func newWatcher(w *World, i int, p adversary.Player, sybil bool) *Watcher {
	x := &Watcher{w: w, name: fmt.Sprintf("w%d(%s)", i, p), failed: map[assay.JobID]bool{}, claims: map[assay.JobID]int{}, from: w.now}
	x.private = w.keyOf(fmt.Sprintf("watcher %d", i))
	if w.Setup.Kin && i == w.Setup.Watchers || w.Setup.Spy && i == 0 {
		x.private = w.Machines[len(w.Machines)-1].ownerKey
	}
	x.key = assay.KeyOf(x.private)
	x.link.w = w
	x.cast = cast{engine: w.engine, player: p, key: x.key, sybil: sybil}
	return x
}

// boot starts the process. It has nothing on disk.
func (x *Watcher) boot() {
	core, err := challenger.New(challenger.Config{
		Network: x.w.network, Key: x.key, Capacity: 4, ClockStep: x.w.Genesis.Params.ClockStep, ProveSteps: x.w.Setup.ProveSteps, ProveBytes: 64 << 10,
	})
	if err != nil {
		panic(err)
	}
	x.core = adversary.WrapChallenger(x.cast.player, x.key, core)
	x.executor = x.cast.executor()
	x.epoch++
	x.up = true
	x.tokens, x.traces = map[assay.JobID]int{}, map[assay.JobID]challenger.Tracer{}
}

func (x *Watcher) isHonest() bool { return x.cast.player.IsHonest() }

// crash kills the process for a few seconds, which every clock of a dispute
// bears.
func (x *Watcher) crash() {
	if !x.up || x.w.healed {
		return
	}
	x.up = false
	x.epoch++
	if x.w.Setup.Clocks < 30_000 {
		x.disturbed = true
	}
	x.w.trace("%s crashes", x.name)
	x.w.after(assay.Millis(500+x.w.rng.IntN(4000)), func() {
		x.boot()
		x.w.trace("%s is back", x.name)
	})
}

// look sends the watcher the state of the ledger.
func (x *Watcher) look(s challenger.State) {
	if x.w.now >= x.from {
		x.link.hear(func() { x.hear(s) })
	}
}

func (x *Watcher) hear(e challenger.Event) {
	if x.up {
		x.carry(x.core.Step(e))
	}
}

func (x *Watcher) carry(effects []challenger.Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case challenger.Execute:
			x.execute(e)
		case challenger.Cancel:
			x.tokens[e.Job]++
		case challenger.Ask:
			x.ask(e)
		case challenger.Drop:
			delete(x.traces, e.Job)
		case challenger.Send:
			if x.tired(e.Messages) {
				continue
			}
			tx := x.w.sign(x.private, e.Messages...)
			x.w.trace("%s sends %s", x.name, e.Messages[0].Kind())
			x.link.tell(tx)
		case challenger.Report:
			x.w.trace("%s reports %v", x.name, e.Err)
		}
	}
}

// mostClaims is how often a cheat claims anything about one job: each claim costs
// it a bond, and none that is lost keeps it from the next.
const mostClaims = 3

// tired reports whether a cheat lets a claim be.
func (x *Watcher) tired(messages []assay.Message) bool {
	m, ok := messages[0].(*assay.PostClaim)
	if !ok || x.isHonest() {
		return false
	}
	x.claims[m.Job]++
	return x.claims[m.Job] > mostClaims
}

// later plans something that dies with the process.
func (x *Watcher) later(d assay.Millis, fn func()) {
	epoch := x.epoch
	x.w.after(d, func() {
		if x.epoch == epoch {
			fn()
		}
	})
}

func (x *Watcher) execute(e challenger.Execute) {
	token := x.tokens[e.ID]
	x.later(assay.Millis(20+x.w.rng.Int64N(int64(x.w.Setup.Clocks/8))), func() {
		switch {
		case x.tokens[e.ID] != token:
		case x.isHonest() && x.w.hides(e.ID), x.w.Setup.Faults.Flaky && !x.failed[e.ID] && x.w.rng.IntN(2) == 0:
			x.failed[e.ID] = true
			x.hear(challenger.Executed{Job: e.ID, Err: errors.New("bytes are missing")})
		default:
			o, err := x.executor.Execute(context.Background(), &e.Job, artifacts{})
			if err != nil {
				panic(err)
			}
			x.hear(challenger.Executed{Job: e.ID, Result: o.Result})
		}
	})
}

func (x *Watcher) ask(e challenger.Ask) {
	t := x.traces[e.ID]
	if t == nil {
		t = x.cast.tracer(&e.Job)
		x.traces[e.ID] = t
	}
	x.later(x.w.thinking(), func() {
		x.hear(challenger.AnswerOf(context.Background(), t, e.ID, e.Question))
	})
}

// thinking is how long an answer about a trace takes.
func (w *World) thinking() assay.Millis {
	return assay.Millis(10 + w.rng.Int64N(int64(w.Setup.Clocks/30)))
}
