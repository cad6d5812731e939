// Package toy is a check of one proof whose proofs are hashes: for tests and
// simulations, in which it matters who shows what and when, and not why a proof is
// hard to make. It owns no rule, and refuses what a real check refuses: what is
// malformed, early, of another seat or under a withdrawn key.
package toy

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/evidence"
)

// CodeProof refuses evidence that is malformed or of somebody else.
const CodeProof assay.Code = "toy-proof"

// Evidence is a proof of the toy check, or a commitment to one.
type Evidence struct {
	_          struct{} `cbor:",toarray"`
	Seat       uint16
	Commitment assay.Digest
	Result     assay.Digest
	Payee      assay.Key
	Seal       assay.Digest // what only a prover of the true result has
	Pad        []byte       // makes it as large as a test wants
}

// Bytes returns the canonical encoding.
func (e *Evidence) Bytes() []byte { return canon.Marshal(e) }

// Seal is a valid proof: of one job and payee, or, where it is stored and shown
// to anybody, of the statement alone. That it is hard to make for a false result
// is up to the tests, which do not.
func Seal(commit bool, job assay.JobID, payee assay.Key, result assay.Digest) assay.Digest {
	if commit {
		return canon.Hash("toy/seal", result[:])
	}
	return canon.Hash("toy/bound", job[:], payee[:], result[:])
}

// Commitment is what is shown one beacon before a stored proof.
func Commitment(job assay.JobID, payee assay.Key, seal assay.Digest) assay.Digest {
	return canon.Hash("toy/commit", job[:], payee[:], seal[:])
}

// Statement is paid for once.
func Statement(result assay.Digest) assay.Digest { return canon.Hash("toy/statement", result[:]) }

// Check is a check of one proof, as those of package zk and its like, whose proofs
// are hashes.
type Check struct {
	Text   string
	Commit bool // a commitment comes first, and a statement is paid for once
	Unique bool
}

// String implements assay.Check.
func (c Check) String() string { return c.Text }

// Gas bounds what Step costs.
func Gas(body []byte) uint64 { return 100_000 + uint64(len(body)) }

// Step implements assay.Check.
func (c Check) Step(v assay.View, state []byte, e assay.Evidence) ([]byte, error) {
	var x Evidence
	if err := canon.Unmarshal(e.Body, &x); err != nil {
		return nil, assay.Refuse(CodeProof, "%v", err)
	}
	st, err := evidence.Read(state)
	if err != nil {
		return nil, err
	}
	if len(v.Executions) != 1 || v.Executions[0].Seat != x.Seat || v.Executions[0].Provider != e.From {
		return nil, assay.Refuse(CodeProof, "seat %d is another's", x.Seat)
	}
	if killed(v) {
		return nil, assay.Refuse(CodeProof, "the key was killed")
	}
	if !x.Commitment.IsZero() {
		if !c.Commit {
			return nil, assay.Refuse(CodeProof, "no commitment is asked for")
		}
		err := st.Commit(v, x.Seat, x.Commitment)
		return st.Bytes(), err
	}
	job := v.Job.ID()
	p := evidence.Proof{Seat: x.Seat, Candidate: v.Executions[0].Result, Text: "proved by a toy"}
	switch {
	case c.Commit:
		commitment, height, ok := st.Committed(x.Seat)
		if !ok || height >= v.Height || !shone(v) || commitment != Commitment(job, e.From, x.Seal) {
			return nil, assay.Refuse(CodeProof, "no older commitment to this proof")
		}
		p.Statement = Statement(x.Result)
	case x.Payee != e.From:
		return nil, assay.Refuse(CodeProof, "the proof is of %s", x.Payee.Short())
	}
	switch {
	case x.Seal != Seal(c.Commit, job, e.From, x.Result):
		p.False = "the seal is broken"
	case x.Result != p.Candidate:
		p.False = "it proves another result than the seat has opened"
	}
	if p.False != "" {
		p.Statement, p.Text = assay.Digest{}, ""
	}
	err = st.Show(v, p)
	return st.Bytes(), err
}

// Judge implements assay.Check.
func (c Check) Judge(v assay.View, state []byte) assay.Finding {
	st, err := evidence.Read(state)
	if err != nil {
		return evidence.Unreadable(err)
	}
	f := st.Judge(v, evidence.Rule{Unique: c.Unique})
	if killed(v) {
		return evidence.Withdrawn(f, "the key of the proof was killed")
	}
	return f
}

// shone reports whether a beacon has passed since the seat's commitment.
func shone(v assay.View) bool {
	for _, p := range v.Posted {
		if p.After > p.Height && p.After <= v.Height {
			return true
		}
	}
	return false
}

func killed(v assay.View) bool {
	for _, k := range v.Keys {
		if k.Killed {
			return true
		}
	}
	return false
}
