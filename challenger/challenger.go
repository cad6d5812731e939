package challenger

import (
	"bytes"
	"cmp"
	"errors"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
)

// Config is what a challenger needs. Zero Capacity means one; zero Resend means
// a second of ledger clock; zero ProveSteps and ProveBytes mean that only single
// steps are proved, and everything longer is refined.
type Config struct {
	Network    assay.NetworkID
	Key        assay.Key
	Capacity   int          // executions at once
	Resend     assay.Millis // before a move that did not land is sent again
	ClockStep  assay.Millis // see PlayerConfig
	ProveSteps uint64       // see PlayerConfig
	ProveBytes int
}

// Codes of a configuration that is refused, and of what a challenger reports.
const (
	CodeConfig     assay.Code = "bad-challenger-config"
	CodeFailed     assay.Code = "watch-failed"
	CodeTrace      assay.Code = "trace-failed"
	CodeEngines    assay.Code = "engines-disagree"
	CodeChallenged assay.Code = "result-challenged"
)

// Codes documents the codes of this package.
func Codes() []assay.CodeInfo {
	return []assay.CodeInfo{
		{Code: CodeConfig, Kind: assay.KindRefusal, Text: "a challenger lacks a key or a network, or a figure is negative", Hint: "the text names the field"},
		{Code: CodeFailed, Kind: assay.KindRefusal, Text: "this machine could not execute a job that it watches; it will try again while the result can be disputed", Hint: "the text has the cause: a program or input that nobody serves, or too little memory"},
		{Code: CodeTrace, Kind: assay.KindRefusal, Text: "this machine could not execute a disputed job on the canonical machine; it will try again", Hint: "the text has the cause; without a trace the dispute is lost by the clock"},
		{Code: CodeEngines, Kind: assay.KindRefusal, Text: "the native executor and the canonical machine disagree about a job; the machine decides, and nothing was claimed on the native result", Hint: "run `assay check` on the program and report what it prints"},
		{Code: CodeChallenged, Kind: assay.KindRefusal, Text: "a result differs from what the machine says, and was challenged", Hint: "`assay dispute show` tells how it goes on"},
	}
}

// Validate refuses a configuration with a field out of range.
func (c *Config) Validate() error {
	switch {
	case c.Key.IsZero() || c.Network.IsZero():
		return assay.Refuse(CodeConfig, "key and network must be named")
	case c.Capacity < 0 || c.Resend < 0 || c.ClockStep < 0 || c.ProveBytes < 0:
		return assay.Refuse(CodeConfig, "capacity %d, resend %d, witness of %d bytes", c.Capacity, c.Resend, c.ProveBytes)
	}
	return nil
}

// Challenger is the core of one party that watches.
type Challenger struct {
	config Config
	moment assay.Moment
	list   []matter
	posted map[assay.Digest][]bool
	work   map[assay.JobID]*work
}

// matter is one job that can be disputed: its case, and the appeal that runs
// about it.
type matter struct {
	c      *board.Case
	appeal *board.Appeal
}

// work is what this process knows of one job. All of it may be lost.
type work struct {
	running  bool
	result   *assay.Result // of the native execution
	cut      bool          // which was stopped at the fuel that others claim
	failures int
	retry    assay.Clock
	player   *Player // once results differ
	reported map[assay.Code]bool
}

// New returns a challenger that knows nothing yet.
func New(c Config) (*Challenger, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c.Capacity, c.Resend = cmp.Or(c.Capacity, 1), cmp.Or(c.Resend, 1000)
	return &Challenger{config: c, work: map[assay.JobID]*work{}}, nil
}

// Step hears of one event and says what to do about it.
func (w *Challenger) Step(e Event) []Effect {
	switch e := e.(type) {
	case State:
		return w.state(e)
	case Passed:
		return w.passed()
	case Executed:
		return w.executed(e)
	case Answer:
		return w.answer(e)
	}
	return nil
}

func (w *Challenger) state(s State) []Effect {
	if s.Moment.Height < w.moment.Height {
		return nil // overtaken on the way
	}
	w.moment, w.list, w.posted = s.Moment, matters(s), s.Posted
	effects := w.forget()
	for _, m := range w.list {
		effects = append(effects, w.reconcile(m)...)
	}
	return append(effects, w.start()...)
}

// passed tries everything again that has failed or may have been lost.
func (w *Challenger) passed() []Effect {
	for _, k := range w.work {
		k.retry = 0
		if k.player != nil {
			k.player.again()
		}
	}
	var effects []Effect
	for _, m := range w.list {
		effects = append(effects, w.reconcile(m)...)
	}
	return append(effects, w.start()...)
}

// matters lists what can be disputed now, in order of job id.
func matters(s State) []matter {
	var list []matter
	for _, c := range s.Cases {
		if disputable(c) {
			list = append(list, matter{c: c})
		}
	}
	for _, a := range s.Appeals {
		i := slices.IndexFunc(list, func(m matter) bool { return m.c.ID == a.Case.ID })
		if i < 0 {
			i, list = len(list), append(list, matter{c: a.Case})
		}
		list[i].appeal = a.Appeal
	}
	slices.SortStableFunc(list, func(a, b matter) int { return bytes.Compare(a.c.ID[:], b.c.ID[:]) })
	return list
}

func (w *Challenger) find(job assay.JobID) (matter, bool) {
	i := slices.IndexFunc(w.list, func(m matter) bool { return m.c.ID == job })
	if i < 0 {
		return matter{}, false
	}
	return w.list[i], true
}

func (w *Challenger) workOf(id assay.JobID) *work {
	k := w.work[id]
	if k == nil {
		k = &work{reported: map[assay.Code]bool{}}
		w.work[id] = k
	}
	return k
}

// forget drops what nobody can dispute any more.
func (w *Challenger) forget() []Effect {
	var gone []assay.JobID
	for id := range w.work {
		if _, ok := w.find(id); !ok {
			gone = append(gone, id)
		}
	}
	slices.SortFunc(gone, func(a, b assay.JobID) int { return bytes.Compare(a[:], b[:]) })
	var effects []Effect
	for _, id := range gone {
		k := w.work[id]
		if k.running {
			effects = append(effects, Cancel{Job: id})
		}
		if k.player != nil {
			effects = append(effects, k.player.Drop()...)
		}
		delete(w.work, id)
	}
	return effects
}

// reconcile compares what is stated about a job with what this machine found,
// and plays where they differ.
func (w *Challenger) reconcile(m matter) []Effect {
	k := w.workOf(m.c.ID)
	if k.result == nil {
		return nil
	}
	// Who has claimed goes on also when everybody says the same in the end: a
	// saboteur differs in the middle.
	stated, mine := m.stated(), liveOf(m.game(), w.config.Key) != nil
	if !mine && !differs(stated, k.result.Digest()) {
		return w.rest(m, k)
	}
	if k.player == nil {
		k.player = NewPlayer(PlayerConfig{
			Key: w.config.Key, ID: m.c.ID, Job: m.c.Job, Resend: w.config.Resend, ClockStep: w.config.ClockStep,
			ProveSteps: w.config.ProveSteps, ProveBytes: w.config.ProveBytes,
		})
	}
	effects := w.complain(m.c.ID, k)
	final, asking := k.player.Final(w.moment.Clock)
	if final == nil {
		return append(append(effects, asking...), k.player.Play(w.moment, w.table(m, k.result.Digest()))...)
	}
	truth := final.Result.Digest()
	if truth != k.result.Digest() && !k.cut {
		effects = append(effects, w.report(m.c.ID, k, assay.Refuse(CodeEngines, "job %s: executed %s, machine %s", m.c.ID.Short(), k.result.Digest().Short(), truth.Short()))...)
	}
	if !mine && !differs(stated, truth) {
		return append(effects, w.rest(m, k)...)
	}
	effects = append(effects, w.report(m.c.ID, k, assay.Refuse(CodeChallenged, "job %s: the machine says %s", m.c.ID.Short(), truth.Short()))...)
	return append(effects, k.player.Play(w.moment, w.table(m, truth))...)
}

// table lays out what the ledger says about a dispute.
func (w *Challenger) table(m matter, truth assay.Digest) Table {
	t := m.table(w.moment.Clock, w.config.Key, truth)
	t.Posted = w.posted[m.c.Job.Program]
	return t
}

// rest lets the trace go when nobody contradicts this machine and no game runs in
// which somebody still may: one sybil after the other would otherwise cost one
// execution each.
func (w *Challenger) rest(m matter, k *work) []Effect {
	if k.player == nil || m.game() != nil {
		return nil
	}
	effects := k.player.Drop()
	k.player = nil
	return effects
}

// differs reports whether somebody states another result.
func differs(stated []assay.Digest, own assay.Digest) bool {
	return slices.ContainsFunc(stated, func(d assay.Digest) bool { return d != own })
}

// complain reports why the tracer failed.
func (w *Challenger) complain(id assay.JobID, k *work) []Effect {
	err := k.player.Failure()
	if err == nil {
		return nil
	}
	return w.report(id, k, assay.Refuse(CodeTrace, "job %s: %v", id.Short(), err))
}

func (w *Challenger) report(id assay.JobID, k *work, err error) []Effect {
	if code := assay.CodeOf(err); k.reported[code] {
		return nil
	} else {
		k.reported[code] = true
	}
	return []Effect{Report{Job: id, Err: err}}
}

// start begins executions up to the capacity, the most urgent first.
func (w *Challenger) start() []Effect {
	running := 0
	for _, k := range w.work {
		if k.running {
			running++
		}
	}
	var list []matter
	for _, m := range w.list {
		k := w.workOf(m.c.ID)
		if k.result == nil && !k.running && w.moment.Clock >= k.retry && len(m.stated()) > 0 {
			list = append(list, m)
		}
	}
	slices.SortStableFunc(list, func(a, b matter) int { return cmp.Compare(a.urgency(), b.urgency()) })
	var effects []Effect
	for _, m := range list {
		if running >= w.config.Capacity {
			break
		}
		w.workOf(m.c.ID).running = true
		running++
		effects = append(effects, Execute{ID: m.c.ID, Job: m.job()})
	}
	return effects
}

func (w *Challenger) executed(e Executed) []Effect {
	k := w.work[e.Job]
	m, ok := w.find(e.Job)
	if k == nil || !k.running || !ok {
		return w.start() // cancelled meanwhile; its place is free
	}
	k.running = false
	err := e.Err
	if err == nil {
		err = e.Result.Validate()
	}
	if err != nil {
		k.retry = w.moment.Clock.Add(pause(500, k.failures))
		k.failures++
		return append(w.report(e.Job, k, failed(e.Job, err)), w.start()...)
	}
	result := e.Result
	k.result, k.cut = &result, m.job().Limits.Fuel < m.c.Job.Limits.Fuel && result.Trap == outOfFuel
	return append(w.reconcile(m), w.start()...)
}

func failed(job assay.JobID, err error) error {
	var r *assay.Refusal
	if errors.As(err, &r) {
		return err
	}
	return assay.Refuse(CodeFailed, "job %s: %v", job.Short(), err)
}

func (w *Challenger) answer(e Answer) []Effect {
	k := w.work[e.Job]
	m, ok := w.find(e.Job)
	if k == nil || k.player == nil || !ok {
		return nil
	}
	k.player.Hear(w.moment.Clock, e)
	return w.reconcile(m)
}
