package provider

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
)

// Attester is the core of a validator's duty towards bytes: it has its node fetch
// and check the output of every accepted result, and only then gives its word
// that it holds them; likewise program and inputs of a job whose policy waits for
// whoever disagrees. It refuses to attest what it has not got: its word releases
// the payment, or opens the window in which watchers have to fetch, and it is all
// that requester and watchers have.
type Attester struct {
	account assay.Key
	resend  assay.Millis
	params  *assay.Params // nil: inputs are not attested
	moment  assay.Moment
	cases   []*board.Case
	work    map[held]*fetch
}

// held names what is fetched: the output of a job, or its InputsDigest.
type held struct {
	job    assay.JobID
	digest assay.Digest
}

type fetch struct {
	running bool
	held    bool
	retry   assay.Clock
	sent    bool
	sentAt  assay.Clock
}

// NewAttester returns a core that signs with a validator's account. Zero resend
// means a second.
func NewAttester(account assay.Key, resend assay.Millis) (*Attester, error) {
	if account.IsZero() || resend < 0 {
		return nil, assay.Refuse(CodeConfig, "validator account must be named")
	}
	return &Attester{account: account, resend: cmp.Or(resend, 1000), work: map[held]*fetch{}}, nil
}

// HoldInputs has the attester give its word for program and inputs as well,
// where a policy waits for it on a network with these parameters.
func (a *Attester) HoldInputs(p assay.Params) { a.params = &p }

// Step hears of one event and says what to do about it.
func (a *Attester) Step(e Event) []Effect {
	switch e := e.(type) {
	case State:
		return a.state(e)
	case Fetched:
		return a.fetched(e)
	}
	return nil
}

func (a *Attester) state(s State) []Effect {
	if s.Moment.Height < a.moment.Height {
		return nil
	}
	a.moment, a.cases = s.Moment, s.Cases
	for id := range a.work {
		if !slices.ContainsFunc(a.cases, func(c *board.Case) bool { return c.ID == id.job }) {
			delete(a.work, id)
		}
	}
	var effects []Effect
	for _, c := range a.cases {
		effects = append(effects, a.reconcile(c)...)
	}
	return effects
}

// wants lists what the case waits for this validator's word about.
func (a *Attester) wants(c *board.Case) []assay.Digest {
	var list []assay.Digest
	if a.params != nil && c.Record == nil && c.WantsInputs(a.params) && !slices.Contains(c.Inputs, a.account) {
		list = append(list, c.Job.InputsDigest())
	}
	if c.Phase == board.Fetching && c.Verdict != nil && c.Verdict.Result != nil && !slices.Contains(c.Attests, a.account) {
		list = append(list, c.Verdict.Result.Output)
	}
	return list
}

func (a *Attester) reconcile(c *board.Case) []Effect {
	var effects []Effect
	for _, digest := range a.wants(c) {
		effects = append(effects, a.hold(c, digest)...)
	}
	return effects
}

// hold fetches what is not here yet, and attests what is.
func (a *Attester) hold(c *board.Case, digest assay.Digest) []Effect {
	id := held{c.ID, digest}
	w := a.work[id]
	if w == nil {
		w = &fetch{}
		a.work[id] = w
	}
	switch {
	case w.held && (!w.sent || a.moment.Clock >= w.sentAt.Add(a.resend)):
		w.sent, w.sentAt = true, a.moment.Clock
		return []Effect{Send{Messages: []assay.Message{&assay.Attest{Job: c.ID, Output: digest}}}}
	case !w.held && !w.running && a.moment.Clock >= w.retry:
		w.running = true
		if digest == c.Job.InputsDigest() {
			return []Effect{FetchInputs{ID: c.ID, Job: c.Job, Bytes: c.Bytes}}
		}
		return []Effect{Fetch{Job: c.ID, Output: digest, From: supporters(c)}}
	}
	return nil
}

func (a *Attester) fetched(e Fetched) []Effect {
	w := a.work[held{e.Job, e.Output}]
	i := slices.IndexFunc(a.cases, func(c *board.Case) bool { return c.ID == e.Job })
	if w == nil || i < 0 {
		return nil
	}
	w.running = false
	if e.Err != nil {
		w.retry = a.moment.Clock.Add(a.resend) // supporters may come back within the window
		return nil
	}
	w.held = true
	return a.reconcile(a.cases[i])
}

// supporters returns the providers that opened the accepted result, in order of
// key. One that serves is enough.
func supporters(c *board.Case) []assay.Key {
	var keys []assay.Key
	want := c.Verdict.Result.Digest()
	for i := range c.Seats {
		if s := &c.Seats[i]; s.State == assay.Opened && s.Result != nil && s.Result.Digest() == want {
			keys = append(keys, s.Provider)
		}
	}
	slices.SortFunc(keys, func(x, y assay.Key) int { return bytes.Compare(x[:], y[:]) })
	return keys
}
