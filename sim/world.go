package sim

import (
	"cmp"
	"container/heap"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/adversary"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/executor"
)

// World is one run.
type World struct {
	Setup   Setup
	Genesis *assay.Genesis
	Chain   *Chain
	// Machines are the providers, Clients the requesters, one for each job,
	// Watchers strangers who dispute.
	Machines []*Machine
	Clients  []*Client
	Watchers []*Watcher
	Breaches []Breach
	Counts   map[string]int // of what happened to checkpoints

	checkers   []Checker
	validators []*validator
	rng        *rand.Rand
	restarts   *rand.Rand // apart, so that restarts change nothing else
	now        assay.Time
	queue      events
	seq        uint64
	nonce      uint64
	healed     bool
	listening  bool
	looked     assay.Time // when watchers last did
	heckled    assay.Time
	stop       bool // nothing more is to happen
	engine     *Engine
	network    assay.NetworkID
	stranger   ed25519.PrivateKey // who heckles in disputes
	trace      func(format string, args ...any)
	scan       bool
}

// Breach is something that a checker found. Broken says that the assumption had
// been broken as well: the checker tells of it, and it is no failure of ours.
type Breach struct {
	Checker string
	Job     assay.JobID
	Text    string
	Broken  bool
}

// Options of a run.
type Options struct {
	Checkers  []Checker                        // beside the usual ones
	Engine    *Engine                          // what executes; worlds may share one
	Trace     func(format string, args ...any) // nil: silent
	Meddle    func(*World)                     // called once the world is built, to break it on purpose
	Unwatched bool                             // the ledger does not scan its own books, as it does in every eighth seed
}

// genesisTime is when every run begins.
const genesisTime assay.Time = 1_700_000_000_000

// New builds the world of a setup: genesis, providers with their offers and
// stakes, and jobs that will arrive.
func New(s Setup, o Options) *World {
	w := &World{
		Setup: s, rng: rand.New(rand.NewPCG(s.Seed, 0xa55a)), now: genesisTime,
		restarts: rand.New(rand.NewPCG(s.Seed, 0xdead)),
		engine:   o.Engine, Counts: map[string]int{},
		checkers: append(Checkers(), o.Checkers...), scan: !o.Unwatched && s.Seed%8 == 6,
	}
	w.trace = func(string, ...any) {}
	if o.Trace != nil {
		w.trace = func(format string, args ...any) {
			o.Trace("%8d ms  "+format, append([]any{w.now - genesisTime}, args...)...)
		}
	}
	w.people()
	w.Chain = newChain(w)
	w.enrol()
	w.misfortunes()
	if o.Meddle != nil {
		o.Meddle(w)
	}
	return w
}

// Limits of a run, in simulated time.
const (
	healAfter assay.Millis = 4 * 60_000      // from the last job on
	endAfter  assay.Millis = 8 * 60 * 60_000 // from there on
)

// Run lets the world go on until every job has ended, then past every liability,
// and lets the checkers look at the end.
func (w *World) Run() *World {
	last := w.start()
	w.killing()
	w.at(last.Add(healAfter), w.heal)
	limit := last.Add(healAfter + endAfter)
	for w.queue.Len() > 0 && w.queue[0].at < limit && !w.over() {
		w.turn()
	}
	w.heal()
	w.Chain.settleDown()
	for _, c := range w.checkers {
		c.End(w)
	}
	return w
}

// turn lets the next event happen.
func (w *World) turn() {
	e := heap.Pop(&w.queue).(event)
	w.now = e.at
	e.fn()
}

// over reports whether nothing is left to happen.
func (w *World) over() bool {
	if w.stop {
		return true
	}
	if !w.Chain.settled() || slices.ContainsFunc(w.Clients, func(c *Client) bool { return !c.done }) {
		return false
	}
	return !w.Chain.appealed() && (len(w.Watchers) == 0 || !w.Chain.liable())
}

// Failures returns the breaches that are ours.
func (w *World) Failures() []Breach {
	return slices.DeleteFunc(slices.Clone(w.Breaches), func(b Breach) bool { return b.Broken })
}

// breach records what a checker found.
func (w *World) breach(checker string, job assay.JobID, format string, args ...any) {
	b := Breach{Checker: checker, Job: job, Text: fmt.Sprintf(format, args...)}
	w.Breaches = append(w.Breaches, b)
	w.trace("BREACH %s: %s", b.Checker, b.Text)
}

// broken records that an assumption was broken, and what came of it.
func (w *World) broken(checker string, job assay.JobID, format string, args ...any) {
	w.Breaches = append(w.Breaches, Breach{Checker: checker, Job: job, Text: fmt.Sprintf(format, args...), Broken: true})
	w.trace("broken assumption, %s: %s", checker, fmt.Sprintf(format, args...))
}

// keyOf derives a key pair from the seed and a name.
func (w *World) keyOf(name string) ed25519.PrivateKey {
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], w.Setup.Seed)
	d := canon.Hash("assay/sim-key/1", n[:], []byte(name))
	return ed25519.NewKeyFromSeed(d[:])
}

// params are those of the network.
func (w *World) params() assay.Params {
	p := assay.DefaultParams()
	c := w.Setup.Clocks
	p.Slack, p.TagClock, p.OpenClock, p.AvailableClock = c, c, c, c
	p.MoveSlack, p.ChallengeSlack, p.ProofClock = c, 2*c, c
	p.Liability, p.WatchShare = w.Setup.Liability, w.Setup.WatchShare
	return p
}

// people makes keys and genesis.
func (w *World) people() {
	s := &w.Setup
	g := &assay.Genesis{Version: 1, Name: "sim", Kind: assay.Dev, Time: genesisTime, Params: w.params()}
	for i := range s.Validators {
		k := w.keyOf(fmt.Sprintf("validator %d", i))
		g.Validators = append(g.Validators, assay.Validator{
			Name: fmt.Sprintf("v%d", i), Consensus: assay.KeyOf(k), Beacon: assay.KeyOf(k), Account: assay.KeyOf(k), Power: 10,
		})
		w.validators = append(w.validators, newValidator(w, k, i < s.Faults.Deaf))
	}
	players, err := adversary.Assign(s.Providers, s.Bad)
	if err != nil {
		panic(err)
	}
	for i, p := range players {
		p.Variant = (p.Variant + s.Turn) % p.Kind.Variants()
		w.Machines = append(w.Machines, newMachine(w, i, p))
		if m := w.Machines[i]; p.Kind == adversary.Poison {
			m.forgery = s.forgery(len(players) - 1 - i)
			m.name += " " + m.forgery.String()
		}
	}
	for i := range s.Policies {
		w.Clients = append(w.Clients, newClient(w, i))
	}
	for i, p := range s.against() {
		w.Watchers = append(w.Watchers, newWatcher(w, i, p, i >= len(s.against())-s.Sybils))
	}
	w.stranger = w.keyOf("stranger")
	accounts := []assay.Key{assay.KeyOf(w.stranger)}
	for _, v := range g.Validators {
		accounts = append(accounts, v.Account)
	}
	for _, m := range w.Machines {
		accounts = append(accounts, m.key, m.owner)
	}
	for _, c := range w.Clients {
		accounts = append(accounts, c.key)
	}
	for _, x := range w.Watchers {
		accounts = append(accounts, x.key)
	}
	slices.SortFunc(accounts, func(a, b assay.Key) int { return cmp.Compare(string(a[:]), string(b[:])) })
	for _, k := range slices.Compact(accounts) {
		g.Accounts = append(g.Accounts, assay.Allocation{Account: k, Amount: initialBalance})
	}
	w.Genesis = g
	w.network = g.ID()
	for _, m := range w.Machines {
		m.boot()
	}
	for _, x := range w.Watchers {
		x.boot()
	}
}

const initialBalance assay.Amount = 1_000_000_000

// enrol posts offers and stakes in the first block, before any fault.
func (w *World) enrol() {
	for _, m := range w.Machines {
		offer := &assay.PostOffer{Offer: assay.Offer{
			Provider: m.key, Owner: m.owner, Price: assay.Amount(1000 + w.rng.IntN(4000)), Runtimes: []string{w.Setup.runtime()}, Capacity: 4,
		}}
		if m.owner != m.key {
			offer.Consent = assay.Consent(w.network, m.owner, m.private)
		}
		stake := assay.Amount(4_000_000)
		if w.Setup.Faults.Spread {
			stake += assay.Amount(w.rng.IntN(40_000_000))
		}
		w.Chain.receive(w.sign(m.ownerKey, offer, &assay.Stake{Provider: m.key, Amount: stake}))
	}
}

// sign makes a transaction; in most seeds the signature is left out.
func (w *World) sign(key ed25519.PrivateKey, messages ...assay.Message) *assay.Tx {
	w.nonce++
	expiry := w.Chain.height + w.Genesis.Params.TxWindow/2
	if w.Setup.Signed {
		return assay.SignTx(w.network, key, w.nonce, expiry, messages...)
	}
	tx := &assay.Tx{Version: 1, Network: w.network, Signer: assay.KeyOf(key), Nonce: w.nonce, Expiry: expiry}
	for _, m := range messages {
		tx.Messages = append(tx.Messages, assay.Wrap(m))
	}
	return tx
}

// start schedules the jobs and returns when the last one arrives.
func (w *World) start() assay.Time {
	at := w.now.Add(5000)
	for i, c := range w.Clients {
		if i > 0 && w.Setup.Faults.Idle {
			at = at.Add(3_600_000)
		}
		at = at.Add(assay.Millis(w.rng.IntN(20_000)))
		w.at(at, c.begin)
	}
	return at
}

// caseOf returns the case of a job as the ledger holds it now.
func (w *World) caseOf(id assay.JobID) *board.Case {
	c, ok := w.Chain.ledger.Case(id)
	if !ok {
		return nil
	}
	return c
}

// right returns the result that every honest provider comes to.
func (w *World) right(job *assay.Job) *executor.Outcome {
	o, err := w.engine.Execute(context.Background(), job, artifacts{})
	if err != nil {
		panic(err)
	}
	return o
}

// event is something that will happen. Events of one tick happen in the order
// in which they were planned.
type event struct {
	at  assay.Time
	seq uint64
	fn  func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	x := old[len(old)-1]
	*e = old[:len(old)-1]
	return x
}

// at plans an event; the past is now.
func (w *World) at(t assay.Time, fn func()) {
	w.seq++
	heap.Push(&w.queue, event{at: max(t, w.now), seq: w.seq, fn: fn})
}

func (w *World) after(d assay.Millis, fn func()) { w.at(w.now.Add(d), fn) }
