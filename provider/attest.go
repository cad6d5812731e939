package provider

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
)

// Attester is the core of a validator's duty towards output bytes: it has its
// node fetch and check the output of every accepted result, and only then gives
// its word that it holds them. It refuses to attest what it has not got: its
// word releases the payment, and it is all that the requester has until then.
type Attester struct {
	account assay.Key
	resend  assay.Millis
	moment  assay.Moment
	cases   []*board.Case
	work    map[assay.JobID]*fetch
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
	return &Attester{account: account, resend: cmp.Or(resend, 1000), work: map[assay.JobID]*fetch{}}, nil
}

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
		if !slices.ContainsFunc(a.cases, func(c *board.Case) bool { return c.ID == id }) {
			delete(a.work, id)
		}
	}
	var effects []Effect
	for _, c := range a.cases {
		effects = append(effects, a.reconcile(c)...)
	}
	return effects
}

// wants reports whether the case waits for this validator's word.
func (a *Attester) wants(c *board.Case) bool {
	return c.Phase == board.Fetching && c.Verdict != nil && c.Verdict.Result != nil && !slices.Contains(c.Attests, a.account)
}

func (a *Attester) reconcile(c *board.Case) []Effect {
	if !a.wants(c) {
		return nil
	}
	w := a.work[c.ID]
	if w == nil {
		w = &fetch{}
		a.work[c.ID] = w
	}
	switch {
	case w.held && (!w.sent || a.moment.Clock >= w.sentAt.Add(a.resend)):
		w.sent, w.sentAt = true, a.moment.Clock
		return []Effect{Send{Messages: []assay.Message{&assay.Attest{Job: c.ID, Output: c.Verdict.Result.Output}}}}
	case !w.held && !w.running && a.moment.Clock >= w.retry:
		w.running = true
		return []Effect{Fetch{Job: c.ID, Output: c.Verdict.Result.Output, From: supporters(c)}}
	}
	return nil
}

func (a *Attester) fetched(e Fetched) []Effect {
	w := a.work[e.Job]
	i := slices.IndexFunc(a.cases, func(c *board.Case) bool { return c.ID == e.Job })
	if w == nil || i < 0 {
		return nil
	}
	w.running = false
	c := a.cases[i]
	if e.Err != nil || c.Verdict == nil || c.Verdict.Result == nil || c.Verdict.Result.Output != e.Output {
		w.retry = a.moment.Clock.Add(a.resend) // supporters may come back within the window
		return nil
	}
	w.held = true
	return a.reconcile(c)
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
