package api

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/api/wire"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/comet"
	"github.com/capacloud/assay/ledger"
)

// To the wire. Summaries are for people; the canonical bytes beside them count.

func momentTo(m assay.Moment) *wire.Moment {
	return &wire.Moment{Height: m.Height, TimeMs: int64(m.Time), ClockMs: int64(m.Clock)}
}

func resultTo(r comet.TxResult) *wire.TxResult {
	return &wire.TxResult{Id: r.ID.String(), Height: r.Height, Code: string(r.Code), Detail: r.Detail, Gas: r.Gas, Fee: uint64(r.Fee)}
}

func caseTo(c *board.Case) *wire.CaseResponse {
	s := &wire.CaseSummary{
		Job: c.ID.String(), Phase: c.Phase.String(), Policy: c.Job.Policy, Requester: c.Job.Requester.String(),
		Escrow: uint64(c.Escrow), DueClockMs: int64(c.Due),
	}
	for i := range c.Seats {
		seat := &c.Seats[i]
		s.Seats = append(s.Seats, &wire.Seat{
			Number: uint32(seat.Number), Provider: seat.Provider.String(), Owner: seat.Owner.String(), State: seat.State.String(),
		})
	}
	for _, k := range c.Checkpoints {
		w := &wire.Checkpoint{Seat: uint32(k.Seat), Epoch: k.Epoch, Root: k.Root.String(), Size: k.Size}
		if !k.File.IsZero() {
			w.File = k.File.String()
		}
		s.Checkpoints = append(s.Checkpoints, w)
	}
	for _, r := range c.Resumes {
		s.Resumes = append(s.Resumes, &wire.Resume{Seat: uint32(r.Seat), FromSeat: uint32(r.From), Epoch: r.Epoch, Root: r.Root.String(), File: r.File.String()})
	}
	if v := c.Verdict; v != nil {
		s.Outcome = v.Outcome.String()
		if v.Result != nil {
			s.Result, s.Output = v.Result.Digest().String(), v.Result.Output.String()
		}
	}
	if r := c.Record; r != nil {
		t := &r.Settlement
		s.Paid, s.Refunded, s.Fees, s.Slashed = uint64(t.Paid), uint64(t.Refunded), uint64(t.Fees), uint64(t.Slashed)
		s.SettledHeight = r.Height
	}
	return &wire.CaseResponse{Canonical: canon.Marshal(c), Summary: s}
}

func accountTo(a comet.AccountState) *wire.AccountResponse {
	out := &wire.AccountResponse{Balance: uint64(a.Balance)}
	for _, l := range a.Locks {
		w := &wire.Lock{Amount: uint64(l.Amount), Reason: string(l.Reason), ClockMs: int64(l.Clock), UntilMs: int64(l.Until)}
		if !l.Job.IsZero() {
			w.Job = l.Job.String()
		}
		if !l.Provider.IsZero() {
			w.Provider = l.Provider.String()
		}
		out.Locks = append(out.Locks, w)
	}
	return out
}

func offerTo(p ledger.Provider) *wire.Offer {
	o := &p.Market.Offer
	return &wire.Offer{
		Canonical: canon.Marshal(&p), Provider: o.Provider.String(), Owner: o.Owner.String(), Price: uint64(o.Price),
		Runtimes: o.Runtimes, Capacity: o.Capacity, Url: o.URL, Stake: uint64(p.Market.Stake), FreeStake: uint64(p.Market.Free()),
	}
}

func proofTo(p *comet.Proof) *wire.ProofResponse {
	return &wire.ProofResponse{
		Key: p.Key, Value: p.Value, Exists: p.Value != nil, Height: p.Height, Root: p.Root, Ics23: p.ICS23,
		Header: p.Header, Commit: p.Commit, Validators: p.Validators,
	}
}

// From the wire. What a stranger wrote is decoded strictly, and optional
// identities may be empty.

func digestFrom(s, field string) (assay.Digest, error) {
	d, err := canon.ParseDigest(s)
	if err != nil {
		return d, assay.Refuse(CodeRequest, "%s: %v", field, err)
	}
	return d, nil
}

func keyFrom(s string) (assay.Key, error) {
	if s == "" {
		return assay.Key{}, nil
	}
	return assay.ParseKey(s)
}

func filterFrom(r *wire.CasesRequest) (f ledger.Filter, err error) {
	f = ledger.Filter{Open: r.Open, Limit: int(min(r.Limit, comet.MaxList))}
	if f.Provider, err = keyFrom(r.Provider); err != nil {
		return f, err
	}
	if f.Requester, err = keyFrom(r.Requester); err != nil {
		return f, err
	}
	if r.After != "" {
		f.After, err = digestFrom(r.After, "after")
	}
	return f, err
}

func momentFrom(m *wire.Moment) assay.Moment {
	return assay.Moment{Height: m.GetHeight(), Time: assay.Time(m.GetTimeMs()), Clock: assay.Clock(m.GetClockMs())}
}

func resultFrom(r *wire.TxResult) (comet.TxResult, error) {
	id, err := canon.ParseDigest(r.Id)
	if err != nil {
		return comet.TxResult{}, assay.Refuse(CodeAnswer, "id: %v", err)
	}
	return comet.TxResult{ID: id, Height: r.Height, Code: assay.Code(r.Code), Detail: r.Detail, Gas: r.Gas, Fee: assay.Amount(r.Fee)}, nil
}

func caseFrom(r *wire.CaseResponse) (*board.Case, error) {
	c := new(board.Case)
	if err := canon.Unmarshal(r.GetCanonical(), c); err != nil {
		return nil, assay.Refuse(CodeAnswer, "case: %v", err)
	}
	if id := c.Job.ID(); id != c.ID {
		return nil, assay.Refuse(CodeAnswer, "case %s holds the job %s", c.ID.Short(), id.Short())
	}
	return c, playable(c.Disputes...)
}

func appealFrom(w *wire.Appeal) (*board.Appeal, error) {
	a := new(board.Appeal)
	if err := canon.Unmarshal(w.GetCanonical(), a); err != nil {
		return nil, assay.Refuse(CodeAnswer, "appeal: %v", err)
	}
	return a, playable(a.Dispute)
}

// playable refuses disputes whose games no rules could have made: the methods of
// a game rely on its form.
func playable(disputes ...board.Dispute) error {
	for i := range disputes {
		if g := disputes[i].Game; g != nil {
			if err := g.Validate(); err != nil {
				return assay.Refuse(CodeAnswer, "dispute %d: %v", i, err)
			}
		}
	}
	return nil
}

func accountFrom(r *wire.AccountResponse) (a comet.AccountState, err error) {
	a.Balance = assay.Amount(r.Balance)
	for _, w := range r.Locks {
		l := ledger.Lock{Amount: assay.Amount(w.Amount), Reason: ledger.LockReason(w.Reason), Clock: assay.Clock(w.ClockMs), Until: assay.Time(w.UntilMs)}
		if w.Job != "" {
			if l.Job, err = canon.ParseDigest(w.Job); err != nil {
				return a, assay.Refuse(CodeAnswer, "lock: %v", err)
			}
		}
		if l.Provider, err = keyFrom(w.Provider); err != nil {
			return a, assay.Refuse(CodeAnswer, "lock: %v", err)
		}
		a.Locks = append(a.Locks, l)
	}
	return a, nil
}

func offerFrom(o *wire.Offer) (p ledger.Provider, err error) {
	if err := canon.Unmarshal(o.Canonical, &p); err != nil {
		return p, assay.Refuse(CodeAnswer, "offer: %v", err)
	}
	return p, nil
}

func proofFrom(r *wire.ProofResponse) *comet.Proof {
	p := &comet.Proof{
		Key: r.Key, Value: r.Value, Height: r.Height, Root: r.Root, ICS23: r.Ics23,
		Header: r.Header, Commit: r.Commit, Validators: r.Validators,
	}
	if r.Exists && p.Value == nil {
		p.Value = []byte{}
	}
	return p
}
