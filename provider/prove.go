package provider

import (
	"bytes"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
)

// Prove asks for the proof of a job's result, for one check of its policy: the one
// that is kept from before, or a new one. It is kept before Proved is sent, since
// a provider that has committed to a proof can show no other one.
type Prove struct {
	ID    assay.JobID
	Job   assay.Job
	Seat  uint16
	Check string
	Keys  []assay.ProofKey
}

// Proved answers Prove. Err says that this machine has no proof.
type Proved struct {
	Job        assay.JobID
	Check      string
	Commitment []byte // shown first, where the check wants it
	Body       []byte
	Gas        uint64 // of verifying Body
	Err        error
}

func (Prove) effect() {}
func (Proved) event() {}

// Codes of proofs, as a provider reports them.
const (
	CodeNoProof   assay.Code = "no-proof"
	CodeLostProof assay.Code = "proof-lost"
)

// proof is what is known of one proof of a job.
type proof struct {
	proving  bool
	made     *Proved
	failures int
	retry    assay.Clock
}

// proving reports whether a proof of the job is being made.
func (w *work) proving() bool {
	for _, x := range w.proofs {
		if x.proving {
			return true
		}
	}
	return false
}

// gasCommitment is ample for the verification of a commitment.
const gasCommitment = 200_000

// evidenceTx is how many parts of evidence go into one transaction.
const evidenceTx = 3

// prepare makes the proofs that the case may want of this provider's seat, and
// reports whether all are there. Nothing is committed to before: a requester could
// otherwise have bonds burned with jobs about which nobody can prove anything, and
// the clock behind the opening is for posting.
func (p *Provider) prepare(c *board.Case, seat *board.Seat, w *work) (effects []Effect, ready bool) {
	killed := slices.ContainsFunc(c.Keys, func(k assay.ProofKey) bool { return k.Killed })
	if p.config.Params == nil || killed { // nobody can be asked for a proof any more
		return nil, true
	}
	ready = true
	for _, check := range c.Proofs(p.config.Params, seat.Number) {
		effects = append(effects, p.make(c, seat, w, check)...)
		ready = ready && w.proofs[check].made != nil
	}
	return effects, ready
}

// show shows the proofs that the case wants of this provider's seat, and makes
// those that are not there: a check behind an escalate is asked late.
func (p *Provider) show(c *board.Case, seat *board.Seat, w *work) []Effect {
	if p.config.Params == nil {
		return nil
	}
	var effects []Effect
	for _, o := range c.Owed(p.config.Params, p.moment, seat.Number) {
		effects = append(effects, p.make(c, seat, w, o.Check)...)
		if x := w.proofs[o.Check]; x.made != nil {
			effects = append(effects, p.post(c, seat, w, x.made, o)...)
		}
	}
	return effects
}

// make asks for a proof unless it is there or on its way.
func (p *Provider) make(c *board.Case, seat *board.Seat, w *work, check string) []Effect {
	x := w.proofs[check]
	if x == nil {
		x = &proof{}
		if w.proofs == nil {
			w.proofs = map[string]*proof{}
		}
		w.proofs[check] = x
	}
	if x.made != nil || x.proving || p.moment.Clock < x.retry {
		return nil
	}
	x.proving = true
	return []Effect{Prove{ID: c.ID, Job: c.Job, Seat: seat.Number, Check: check, Keys: slices.Clone(c.Keys)}}
}

// post shows a proof that is there: the commitment, if the check wants one, and
// behind the next beacon the proof itself, in parts.
func (p *Provider) post(c *board.Case, seat *board.Seat, w *work, x *Proved, o board.Owing) []Effect {
	if seat.State != assay.Opened {
		return nil
	}
	switch {
	case len(x.Commitment) == 0:
		return p.postParts(w, assay.EvidenceParts(c.ID, o.Check, x.Body, x.Gas), o)
	case o.First.IsZero():
		return p.postParts(w, assay.EvidenceParts(c.ID, o.Check, x.Commitment, gasCommitment), o)
	case o.First != assay.EvidenceDigest(x.Commitment):
		return p.report(c, seat, w, assay.Refuse(CodeLostProof, "job %s, seat %d", c.ID.Short(), seat.Number))
	case o.Ready:
		return p.postParts(w, assay.EvidenceParts(c.ID, o.Check, x.Body, x.Gas), o)
	}
	return nil
}

// postParts sends the parts that are next, a few in one transaction.
func (p *Provider) postParts(w *work, parts []*assay.PostEvidence, o board.Owing) []Effect {
	if o.Piece == parts[0].Digest {
		parts = parts[min(int(o.Parts), len(parts)):]
	}
	if len(parts) == 0 {
		return nil
	}
	key := evidenceKey{parts[0].Digest, parts[0].Part}
	if last, ok := w.posted[key]; ok && p.moment.Clock < last.Add(p.config.Resend) {
		return nil
	}
	if w.posted == nil {
		w.posted = map[evidenceKey]assay.Clock{}
	}
	w.posted[key] = p.moment.Clock
	var messages []assay.Message
	for _, m := range parts[:min(len(parts), evidenceTx)] {
		messages = append(messages, m)
	}
	return []Effect{Send{Messages: messages}}
}

type evidenceKey struct {
	digest assay.Digest
	part   uint16
}

func (p *Provider) proved(e Proved) []Effect {
	w := p.work[e.Job]
	i := slices.IndexFunc(p.cases, func(c *board.Case) bool { return c.ID == e.Job })
	if w == nil || i < 0 || w.proofs[e.Check] == nil {
		return nil
	}
	x, c := w.proofs[e.Check], p.cases[i]
	x.proving = false
	seat := p.seat(c)
	if e.Err == nil && seat != nil && !p.config.Unrehearsed {
		e.Err = p.rehearse(c, seat, w, &e)
	}
	if e.Err != nil {
		x.retry = p.moment.Clock.Add(min(500<<min(x.failures, 8), maxBackoff))
		x.failures++
		if seat == nil {
			return nil
		}
		return p.report(c, seat, w, assay.Refuse(CodeNoProof, "job %s under %s: %v", e.Job.Short(), e.Check, e.Err))
	}
	e.Commitment, e.Body = bytes.Clone(e.Commitment), bytes.Clone(e.Body)
	x.made = &e
	return p.reconcile(c)
}

// rehearse judges a proof as the ledger will.
func (p *Provider) rehearse(c *board.Case, seat *board.Seat, w *work, e *Proved) error {
	result := w.result
	if seat.Result != nil {
		result = seat.Result
	}
	if result == nil {
		return nil // after a restart, and the proof is the one from before
	}
	return c.Rehearse(p.config.Params, seat.Number, e.Check, *result, e.Commitment, e.Body)
}
