package provider

import (
	"bytes"
	"cmp"
	"errors"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/challenger"
)

// Config is what a provider core needs. Zero Capacity means one; zero Resend
// means a second.
type Config struct {
	Network  assay.NetworkID
	Key      assay.Key
	Secret   []byte       // salts derive from it; at least 16 bytes, known to nobody else
	Capacity int          // executions at once
	Resend   assay.Millis // of ledger clock, before a message that did not land is sent again

	// Params are the network's: whose turn it is to prove follows from them. Nil:
	// this provider proves nothing.
	Params *assay.Params
	// Unrehearsed proofs are posted as they are: for adversaries.
	Unrehearsed bool

	// Of disputes; see challenger.PlayerConfig.
	ClockStep  assay.Millis
	ProveSteps uint64
	ProveBytes int

	// CheckpointEvery is how much ledger clock lies between two checkpoints that
	// this provider posts of a run. Zero: it posts none, and goes on from none.
	CheckpointEvery assay.Millis
}

// Codes of a configuration that is refused, and of what a provider reports.
const (
	CodeConfig   assay.Code = "bad-actor-config"
	CodeMismatch assay.Code = "result-not-committed"
	CodeFailed   assay.Code = "execution-failed"

	CodeIndefensible assay.Code = "result-indefensible"
	CodeUntraced     assay.Code = "defence-failed"
)

// Codes documents the codes of this package.
func Codes() []assay.CodeInfo {
	return []assay.CodeInfo{
		{Code: CodeConfig, Kind: assay.KindRefusal, Text: "a provider or requester lacks a key, a secret or a network", Hint: "the text names the field"},
		{Code: CodeMismatch, Kind: assay.KindRefusal, Text: "running the job again gave another result than the one committed to; nothing was sent, so the bond is lost and the stake is not", Hint: "run `assay check` on the program, and check this machine's memory"},
		{Code: CodeFailed, Kind: assay.KindRefusal, Text: "this machine could not execute the job; it will try again until the commitment is due", Hint: "the text has the cause"},
		{Code: CodeIndefensible, Kind: assay.KindRefusal, Text: "the canonical machine does not say what this provider has opened; it does not defend that, so its stake is lost and no bond besides", Hint: "run `assay check` on the program and report what it prints; check this machine's memory"},
		{Code: CodeNoProof, Kind: assay.KindRefusal, Text: "this machine could not prove a result that it has opened; it will try again until its time is over", Hint: "the text has the cause; without a proof the bond is lost"},
		{Code: CodeLostProof, Kind: assay.KindRefusal, Text: "the proof that was committed to is lost, and another one would not be taken", Hint: "keep the folder of proofs; the bond of this job is lost"},
		{Code: CodeUntraced, Kind: assay.KindRefusal, Text: "this machine could not execute a disputed job on the canonical machine; it will try again until the dispute is over", Hint: "the text has the cause; without a trace the dispute is lost by the clock, and stake with it"},
	}
}

// Provider is the core of one provider key.
type Provider struct {
	config  Config
	moment  assay.Moment
	cases   []*board.Case
	appeals []challenger.Appealed
	posted  map[assay.Digest][]bool
	work    map[assay.JobID]*work
}

// work is what this process knows of one job. All of it may be lost.
type work struct {
	running   bool
	result    *assay.Result
	fresh     bool // the store's output is incomplete
	failures  int
	retry     assay.Clock
	sent      map[sentKey]assay.Clock
	challenge uint64      // latest one seen
	turn      assay.Clock // when to answer it
	opening   uint64      // challenge whose leaves were asked for
	published bool
	reported  bool
	player    *challenger.Player // while the result is disputed
	proofs    map[string]*proof  // by check
	posted    map[evidenceKey]assay.Clock
	from      []board.Resume // what the run that led to the result rests on
	run       run            // of a program with epochs
}

type sentKey struct {
	kind   assay.Kind
	height uint64 // of the challenge that an answer answers
}

// New returns a provider core that knows nothing yet.
func New(c Config) (*Provider, error) {
	switch {
	case c.Key.IsZero() || c.Network.IsZero():
		return nil, assay.Refuse(CodeConfig, "key and network must be named")
	case len(c.Secret) < 16:
		return nil, assay.Refuse(CodeConfig, "secret of %d bytes; at least 16", len(c.Secret))
	case c.Capacity < 0 || c.Resend < 0 || c.ClockStep < 0, c.CheckpointEvery < 0:
		return nil, assay.Refuse(CodeConfig, "capacity %d, resend %d", c.Capacity, c.Resend)
	}
	c.Capacity, c.Resend = cmp.Or(c.Capacity, 1), cmp.Or(c.Resend, 1000)
	c.Secret = bytes.Clone(c.Secret)
	return &Provider{config: c, work: map[assay.JobID]*work{}}, nil
}

// Step hears of one event and says what to do about it.
func (p *Provider) Step(e Event) []Effect {
	switch e := e.(type) {
	case State:
		return p.state(e)
	case Executed:
		return p.executed(e)
	case LeavesOpened:
		return p.leavesOpened(e)
	case Traced:
		return p.traced(e)
	case Proved:
		return p.proved(e)
	case Restored:
		return p.restored(e)
	case Passed:
		return p.passed(e)
	case Kept:
		return p.kept(e)
	}
	return nil
}

func (p *Provider) state(s State) []Effect {
	if s.Moment.Height < p.moment.Height {
		return nil // overtaken on the way
	}
	p.moment, p.cases, p.appeals, p.posted = s.Moment, s.Cases, s.Appeals, s.Posted
	effects := p.forget()
	for _, c := range p.cases {
		effects = append(effects, p.reconcile(c)...)
	}
	for _, a := range p.appeals {
		effects = append(effects, p.answerAppeal(a)...)
	}
	return append(effects, p.start()...)
}

// forget drops jobs that have ended, or in which this provider has no part any
// more, and stops executing them.
func (p *Provider) forget() []Effect {
	var gone []assay.JobID
	for id := range p.work {
		i := slices.IndexFunc(p.cases, func(c *board.Case) bool { return c.ID == id })
		if (i < 0 || p.seat(p.cases[i]) == nil) && !p.appealed(id) {
			gone = append(gone, id)
		}
	}
	slices.SortFunc(gone, func(a, b assay.JobID) int { return bytes.Compare(a[:], b[:]) })
	var effects []Effect
	for _, id := range gone {
		if p.work[id].running || p.work[id].proving() {
			effects = append(effects, Cancel{Job: id})
		}
		effects = append(effects, p.work[id].rest()...)
		delete(p.work, id)
	}
	return effects
}

// seat returns this provider's live seat in an open case. An owner, and so a
// provider, has one seat at most.
func (p *Provider) seat(c *board.Case) *board.Seat {
	if c.Record != nil {
		return nil
	}
	for i := range c.Seats {
		if s := &c.Seats[i]; s.Provider == p.config.Key && !s.State.Failed() {
			return s
		}
	}
	return nil
}

func (p *Provider) workOf(id assay.JobID) *work {
	w := p.work[id]
	if w == nil {
		w = &work{sent: map[sentKey]assay.Clock{}}
		p.work[id] = w
	}
	return w
}

// reconcile sends what the case lacks of this provider, once the result is
// known.
func (p *Provider) reconcile(c *board.Case) []Effect {
	seat := p.seat(c)
	if seat == nil {
		return nil
	}
	w := p.workOf(c.ID)
	if seat.State == assay.Opened {
		return slices.Concat(p.defend(c, seat, w), p.show(c, seat, w), p.deliver(c, seat, w))
	}
	if w.result == nil {
		return p.between(c, seat, w)
	}
	digest := w.result.Digest()
	salt := assay.SaltOf(p.config.Secret, c.ID, seat.Number)
	commit := assay.CommitTo(c.Network, c.ID, seat.Number, seat.Role, p.config.Key, salt, digest)
	if seat.State != assay.Assigned && seat.Commit != commit {
		// Tagging or opening this would prove us wrong and cost stake. Silence
		// costs the bond.
		return p.report(c, seat, w, assay.Refuse(CodeMismatch, "job %s, result %s", c.ID.Short(), digest.Short()))
	}
	effects, ready := p.prepare(c, seat, w)
	switch {
	case seat.State == assay.Assigned && !ready:
	case seat.State == assay.Assigned && p.moment.Clock < seat.Due:
		effects = append(effects, p.send(w, 0, &assay.Commit{Job: c.ID, Seat: seat.Number, Commit: commit})...)
	case seat.State == assay.Committed && c.Phase == board.Tagging:
		effects = append(effects, p.send(w, 0, &assay.Tag{Job: c.ID, Seat: seat.Number, Tag: assay.TagOf(c.ID, digest)})...)
	case seat.State == assay.Tagged && c.Phase == board.Opening && seat.Tag == assay.TagOf(c.ID, digest):
		effects = append(effects, p.send(w, 0, &assay.Open{Job: c.ID, Seat: seat.Number, Salt: salt, Result: *w.result})...)
	}
	return effects
}

// deliver lets the output be served once it was accepted, and answers a
// challenge that says it is not.
func (p *Provider) deliver(c *board.Case, seat *board.Seat, w *work) []Effect {
	v := c.Verdict
	if v == nil || v.Result == nil || seat.Result == nil || seat.Result.Digest() != v.Result.Digest() {
		return nil
	}
	var effects []Effect
	if !w.published {
		w.published = true
		effects = append(effects, Publish{Job: c.ID, Root: v.Result.Output})
	}
	ch := c.Challenge
	if ch == nil || ch.Height == 0 || ch.Answered || c.Phase != board.Answering || w.opening == ch.Height {
		return effects
	}
	if w.challenge != ch.Height {
		w.challenge, w.turn = ch.Height, p.moment.Clock.Add(p.waits(c, seat))
	}
	if p.moment.Clock < w.turn {
		return effects
	}
	if last, ok := w.sent[sentKey{assay.KindAnswer, ch.Height}]; ok && p.moment.Clock < last.Add(p.config.Resend) {
		return effects
	}
	w.opening = ch.Height
	return append(effects, OpenLeaves{Job: c.ID, Height: ch.Height, Root: v.Result.Output, Offsets: slices.Clone(ch.Offsets)})
}

// waits returns how long a supporter leaves the answer to those of lower seats:
// one answer clears all, and it costs more in fees than a cheap job pays. Half
// of the clock is left in any case.
func (p *Provider) waits(c *board.Case, seat *board.Seat) assay.Millis {
	before := 0
	for i := range c.Seats {
		if s := &c.Seats[i]; s.Number < seat.Number && s.State == assay.Opened && s.Result != nil && s.Result.Digest() == c.Verdict.Result.Digest() {
			before++
		}
	}
	return assay.Millis(c.Due-p.moment.Clock) / 8 * assay.Millis(min(before, 4))
}

func (p *Provider) leavesOpened(e LeavesOpened) []Effect {
	w := p.work[e.Job]
	if w == nil || w.opening != e.Height {
		return nil
	}
	w.opening = 0
	if e.Err != nil {
		// The bytes were lost with the machine: running the job again makes them.
		w.result, w.fresh = nil, true
		return p.start()
	}
	return p.send(w, e.Height, &assay.Answer{Job: e.Job, Openings: e.Openings})
}

// send sends a message unless it may still be on its way.
func (p *Provider) send(w *work, height uint64, m assay.Message) []Effect {
	key := sentKey{m.Kind(), height}
	if last, ok := w.sent[key]; ok && p.moment.Clock < last.Add(p.config.Resend) {
		return nil
	}
	w.sent[key] = p.moment.Clock
	return []Effect{Send{Messages: []assay.Message{m}}}
}

func (p *Provider) report(c *board.Case, seat *board.Seat, w *work, err error) []Effect {
	if w.reported {
		return nil
	}
	w.reported = true
	return []Effect{Report{Job: c.ID, Seat: seat.Number, Err: err}}
}

// start begins executions up to the capacity, the most urgent commitment first.
// Any job whose result is still needed counts, whatever its seat's state: a
// core that was restarted after its commitment needs the result for the tag.
func (p *Provider) start() []Effect {
	running := 0
	for _, w := range p.work {
		if w.running || w.proving() {
			running++
		}
	}
	var effects []Effect
	for _, c := range p.wanting() {
		if running >= p.config.Capacity {
			break
		}
		w := p.workOf(c.ID)
		begin := p.begin(c, w)
		if begin == nil {
			continue
		}
		w.running = true
		running++
		effects = append(effects, begin)
	}
	return effects
}

func (p *Provider) wanting() []*board.Case {
	var list []*board.Case
	for _, c := range p.cases {
		seat := p.seat(c)
		if seat == nil || seat.State == assay.Assigned && p.moment.Clock >= seat.Due {
			continue
		}
		w := p.workOf(c.ID)
		if seat.State == assay.Opened && !w.fresh { // nothing is owed but bytes that the store has
			continue
		}
		if w.result == nil && !w.running && p.moment.Clock >= w.retry {
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b *board.Case) int { return cmp.Compare(p.seat(a).Due, p.seat(b).Due) })
	return list
}

// maxBackoff bounds the pause after failures, so that inputs which arrive late
// still find a provider in time.
const maxBackoff assay.Millis = 8000

func (p *Provider) executed(e Executed) []Effect {
	w := p.work[e.Job]
	i := slices.IndexFunc(p.cases, func(c *board.Case) bool { return c.ID == e.Job })
	if w == nil || !w.running || i < 0 {
		return p.start() // cancelled meanwhile; its place is free
	}
	w.running = false
	w.run.keeping = false
	c := p.cases[i]
	var effects []Effect
	err := e.Err
	if err == nil {
		err = e.Result.ValidateFor(c.Job.Runtime)
	}
	if err != nil {
		w.retry = p.moment.Clock.Add(min(500<<min(w.failures, 8), maxBackoff))
		w.failures++
		if seat := p.seat(c); seat != nil {
			effects = p.report(c, seat, w, failed(e.Job, err))
		}
		return append(effects, p.start()...)
	}
	result := e.Result
	w.result, w.fresh, w.reported = &result, false, false
	effects = p.reconcile(c)
	return append(effects, p.start()...)
}

func failed(job assay.JobID, err error) error {
	var r *assay.Refusal
	if errors.As(err, &r) {
		return err
	}
	return assay.Refuse(CodeFailed, "job %s: %v", job.Short(), err)
}
