package receipt

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
)

// MaxBytes bounds a receipt. That of a quorum(3) job takes about 8 KiB; the
// rest is room for a job's own arguments, listings of outputs, long paths, and
// the witnesses of a dispute with many liars, 256 KiB each at most.
const MaxBytes = 64 << 20

// Version of the file format.
const Version = 1

// File is a receipt: the case as it was settled, what its artifacts are, where
// the ledger keeps its record, and who signed for that. Bytes writes it and
// Decode reads it; there is no other spelling of one.
type File struct {
	Version    uint8
	Record     assay.Record
	Case       board.Case // without verdict and record, which stand above
	Artifacts  Artifacts
	Path       Path
	Header     Header
	Validators []Validator
	Commit     Commit
	Witnesses  [][]byte  // of the proofs that decided disputes, see checkGames
	Assembler  assay.Key // whoever wrote the file; carries no trust
	Signature  Signature // of the DSSE envelope around the statement
}

// settled returns the case with verdict and record, as the board knows it.
func (f *File) settled() *board.Case {
	c, r := f.Case, f.Record
	c.Verdict, c.Record = &r.Verdict, &r
	return &c
}

// accepted reports whether the record names a result as the right one.
func (f *File) accepted() bool {
	return f.Record.Verdict.Outcome == assay.Accepted && f.Record.Verdict.Result != nil
}

// checkIdentity verifies that record, case and job belong together: the job's
// identity is the hash of the job, and all three name one job and network.
func (f *File) checkIdentity() error {
	id := f.Case.Job.ID()
	switch {
	case f.Record.Version != 1 || f.Case.Version != 1:
		return assay.Refuse(CodeBrokenRule, "record version %d, case version %d; this is 1", f.Record.Version, f.Case.Version)
	case f.Case.ID != id || f.Record.Job != id:
		return assay.Refuse(CodeBrokenHash, "the job hashes to %s; case and record name %s and %s", id.Short(), f.Case.ID.Short(), f.Record.Job.Short())
	case f.Case.Network != f.Record.Network:
		return assay.Refuse(CodeBrokenHash, "the case is of network %s, the record of %s", f.Case.Network.Short(), f.Record.Network.Short())
	case f.settled().Digest() != f.Record.Case:
		return assay.Refuse(CodeBrokenHash, "the case is not the one that the record names")
	case f.Record.Verdict.Outcome > assay.Rejected:
		return assay.Refuse(CodeBrokenRule, "outcome %d", f.Record.Verdict.Outcome)
	case (f.Record.Verdict.Outcome == assay.Accepted) != (f.Record.Verdict.Result != nil):
		return assay.Refuse(CodeBrokenRule, "outcome %s and its result contradict one another", f.Record.Verdict.Outcome)
	}
	return nil
}
