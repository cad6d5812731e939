package ledger

import (
	"bytes"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
)

// part is a part of a piece of evidence on its way to the store.
type part struct {
	job    assay.JobID
	piece  int
	digest assay.Digest // of the whole
	number uint16
	bytes  []byte
}

// spent is a statement that some job has shown a proof of, or was paid for.
type spent struct {
	Job assay.JobID
}

// evidence hands a part of evidence to its case, and keeps its bytes. A proof whose
// statement belongs to another job is set aside: it is worth paying for once.
func (w *block) evidence(from assay.Key, m *assay.PostEvidence) error {
	was, ok := w.l.cases.get(m.Job)
	if !ok {
		return assay.Refuse(CodeUnknownJob, "%s", m.Job.Short())
	}
	c, err := w.edit(m.Job)
	if err != nil {
		return err
	}
	w.killKeys(c)
	if err := c.Evidence(w.params, w.at, from, m, func(piece int) []byte { return w.earlier(c, piece) }); err != nil {
		return err
	}
	for n := range c.Shown {
		if n >= len(was.Shown) || was.Shown[n].Parts != c.Shown[n].Parts || was.Shown[n].Digest != c.Shown[n].Digest {
			w.parts = append(w.parts, part{job: m.Job, piece: n, digest: m.Digest, number: m.Part, bytes: m.Body})
		}
	}
	return w.reserve(c, was)
}

// reserve puts the statements that a case has newly shown under its name.
func (w *block) reserve(c, was *board.Case) error {
	known := was.Spends()
	for _, s := range c.Spends() {
		if slices.Contains(known, s) {
			continue
		}
		if row, taken := w.l.statements.get(s.Statement); taken && row.Job != c.ID {
			c.SetAside(was)
			return nil
		}
		w.l.statements.set(s.Statement, spent{Job: c.ID})
	}
	return nil
}

// freeStatements lets statements go whose proofs a settled case was not accepted with: some
// other job may still pay for them.
func (w *block) freeStatements(c *board.Case, r *assay.Record) {
	for _, s := range c.Spends() {
		row, ok := w.l.statements.get(s.Statement)
		if ok && row.Job == c.ID && !(r.Settlement.Paid > 0 && r.Verdict.Result != nil && r.Verdict.Result.Digest() == s.Candidate) {
			w.l.statements.drop(s.Statement)
		}
	}
}

// Spent returns the job that a statement belongs to.
func (l *Ledger) Spent(statement assay.Digest) (assay.JobID, bool) {
	row, ok := l.statements.get(statement)
	return row.Job, ok
}

// earlier returns the bytes of the parts of a piece that are on record, this
// block's among them.
func (w *block) earlier(c *board.Case, piece int) []byte {
	var b []byte
	for n := range c.Shown[piece].Parts - 1 {
		b = append(b, w.partOf(c, piece, n)...)
	}
	return b
}

func (w *block) partOf(c *board.Case, piece int, number uint16) []byte {
	for i := len(w.parts) - 1; i >= 0; i-- {
		if x := &w.parts[i]; x.job == c.ID && x.piece == piece && x.number == number && x.digest == c.Shown[piece].Digest {
			return x.bytes
		}
	}
	return w.l.store.Get(partKey(c.ID, piece, number))
}

// finishProofs writes the parts that were posted, takes away those that were
// posted anew, and writes who owns which statement.
func (w *block) finishProofs() {
	for _, id := range w.l.cases.changed() {
		was, now := w.l.cases.first[id].value, w.l.cases.rows[id].value
		if was == nil {
			continue
		}
		for n, s := range was.Shown {
			if s.Digest != now.Shown[n].Digest {
				for k := range s.Parts {
					w.remove(partKey(id, n, k))
				}
			}
		}
	}
	for _, x := range w.parts {
		c, _ := w.l.cases.get(x.job)
		if s := c.Shown[x.piece]; s.Digest == x.digest && x.number < s.Parts {
			w.write(partKey(x.job, x.piece, x.number), x.bytes)
		}
	}
	for _, d := range w.l.statements.changed() {
		if now := w.l.statements.rows[d]; now.ok {
			w.write(SpentKey(d), now.value.Job[:])
		} else if w.l.statements.first[d].ok {
			w.remove(SpentKey(d))
		}
	}
}

// WithEvidence returns a copy of a case that has the bytes of the evidence which
// its checks have absorbed, as its receipt carries them.
func (l *Ledger) WithEvidence(c *board.Case) *board.Case {
	k := *c
	k.Shown = slices.Clone(c.Shown)
	for n := range k.Shown {
		s := &k.Shown[n]
		if !s.Complete() || s.Code != "" {
			continue
		}
		for part := range s.Parts {
			s.Bytes = append(s.Bytes, bytes.Clone(l.store.Get(partKey(c.ID, n, part))))
		}
	}
	return &k
}
