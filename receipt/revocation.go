package receipt

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/dispute"
)

// Revocations answers, from a header of the network, whether the accepted result
// of a job was revoked: it holds the appeal that revoked it and the
// place of the revocation in the state, or shows that the state has none. A receipt cannot say that about itself: it was
// written before.
//
// It is read beside a receipt and the verifier's anchor. What the receipt says
// already is in it only to refuse one of another job with a word.
type Revocations struct {
	_         struct{} `cbor:",toarray"`
	Version   uint8
	Network   assay.NetworkID
	Job       assay.JobID
	Appeal    *board.Appeal // that ended in the revocation; nil: there is none, as Absence shows
	Witnesses [][]byte      // of the proofs that decided the appeal
	Path      *Path         // of the revocation
	Absence   *Absence
	Header    Header
	Commit    Commit
}

// MaxRevocationsBytes bounds the file. An absence takes 4 KiB, a revocation as
// much as a receipt: its appeal has witnesses too.
const MaxRevocationsBytes = MaxBytes

// appealMost bounds how long an appeal may still run that was opened within the
// liability window: the longest dispute, see dispute.Rules.Validate.
const appealMost assay.Millis = 7 * 24 * 3600 * 1000

// RevocationKey is the ledger's key of a job's revocation: "revocation/" and the
// job's raw digest.
func RevocationKey(job assay.JobID) []byte { return append([]byte("revocation/"), job[:]...) }

// Evidence is the network's part of the file, beside a header: Path for a
// revocation, Absence for none. Package comet fills it from what a node returns.
type Evidence struct {
	Path    *Path
	Absence *Absence
	Header  Header
	Commit  Commit
}

// NewRevocations writes the file for a job. The appeal is the one that revoked
// its result, with the witnesses of its proofs; nil when Evidence shows that
// there is none.
func NewRevocations(network assay.NetworkID, job assay.JobID, appeal *board.Appeal, e *Evidence) (*Revocations, error) {
	v := &Revocations{Version: Version, Network: network, Job: job, Path: e.Path, Absence: e.Absence, Header: e.Header, Commit: e.Commit}
	if appeal != nil {
		a := *appeal
		kept, witnesses, err := takeWitnesses([]board.Dispute{a.Dispute})
		if err != nil {
			return nil, err
		}
		a.Dispute, v.Appeal, v.Witnesses = kept[0], &a, witnesses
	}
	_, err := DecodeRevocations(v.Bytes())
	return v, err
}

// Bytes returns the file.
func (v *Revocations) Bytes() []byte { return canon.Marshal(v) }

// DecodeRevocations reads the file in its one canonical form and checks nothing
// but the form.
func DecodeRevocations(b []byte) (*Revocations, error) {
	if len(b) > MaxRevocationsBytes {
		return nil, assay.Refuse(CodeRevocations, "%d bytes exceed %d", len(b), MaxRevocationsBytes)
	}
	v := new(Revocations)
	if err := canon.Unmarshal(b, v); err != nil {
		return nil, assay.Refuse(CodeRevocations, "%v", err)
	}
	switch {
	case v.Version != Version:
		return nil, assay.Refuse(CodeRevocations, "version %d, this is %d", v.Version, Version)
	case (v.Appeal == nil) == (v.Absence == nil), (v.Appeal == nil) != (v.Path == nil), v.Appeal == nil && len(v.Witnesses) != 0:
		return nil, assay.Refuse(CodeRevocations, "it holds neither a revocation with its path nor an absence, or both")
	case v.Appeal != nil && len(v.Appeal.Dispute.Proofs) != 0:
		return nil, assay.Refuse(CodeRevocations, "witnesses stand in it twice")
	}
	return v, nil
}

// check verifies the file for the record of a receipt: that validators of the
// genesis signed the header after the settlement, and that the state under it
// holds this revocation, or none.
func (v *Revocations) check(g *assay.Genesis, f *File) error {
	r := &f.Record
	switch {
	case v.Network != r.Network || v.Job != r.Job:
		return assay.Refuse(CodeOtherRevocations, "it is about job %s of network %s", v.Job.Short(), v.Network.Short())
	case v.Header.Height <= r.Height:
		return assay.Refuse(CodeOldRevocations, "its header of height %d precedes what could revoke the settlement at %d", v.Header.Height, r.Height)
	}
	if err := checkSigned(v.Network, &v.Header, setOf(g), &v.Commit); err != nil {
		return err
	}
	if v.Absence != nil {
		return v.Absence.check(v.Header.App, RevocationKey(v.Job))
	}
	return v.checkRevocation(g, f)
}

// checkRevocation verifies that the revocation is in the state, and, by playing
// the appeal's end again, that it follows from the evidence.
func (v *Revocations) checkRevocation(g *assay.Genesis, f *File) error {
	k := v.Appeal.Revocation
	if k == nil {
		return assay.Refuse(CodeBrokenRule, "the appeal has revoked nothing")
	}
	digest := k.Digest()
	root, err := v.Path.root(RevocationKey(v.Job), digest[:])
	switch {
	case err != nil:
		return err
	case root != v.Header.App:
		return assay.Refuse(CodeBrokenProof, "revocation %s is not in the state of height %d", digest.Short(), v.Header.Height-1)
	case k.Height <= f.Record.Height || k.Height >= v.Header.Height:
		return assay.Refuse(CodeBrokenRule, "revoked at height %d, settled at %d, in a header of height %d", k.Height, f.Record.Height, v.Header.Height)
	}
	disputes := []board.Dispute{v.Appeal.Dispute}
	if err := checkGames(v.Job, disputes, v.Witnesses); err != nil {
		return err
	}
	if err := board.ReplayAppeal(&g.Params, f.settled(), v.Appeal); err != nil {
		return assay.Refuse(CodeBrokenRule, "%v", err)
	}
	return checkProofs(&f.Case.Job, v.Appeal.Image, disputes, v.Witnesses)
}

// CheckRevocations reads what a node says about the revocation of the accepted
// result. A revocation ends the report with the code "result-revoked"; its absence is a
// finding. A file that shows neither makes the answer "not established": it was
// asked for, and says nothing about the receipt. Reports that name no accepted
// result are left as they are.
func (r *Report) CheckRevocations(file []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("check revocations of %d bytes: panic: %v", len(file), p)
		}
	}()
	if r.Result == nil || r.file == nil || r.genesis == nil || r.Exit == ExitBroken {
		return nil
	}
	v, err := DecodeRevocations(file)
	if err == nil {
		err = v.check(r.genesis, r.file)
	}
	if err != nil {
		r.notShown(err)
		return nil
	}
	if v.Appeal != nil {
		r.revoked(v)
		return nil
	}
	r.standing(v)
	return nil
}

// notShown keeps a bad file from speaking about a good receipt.
func (r *Report) notShown(err error) {
	code, text := CodeRevocations, err.Error()
	if refusal := (*assay.Refusal)(nil); errors.As(err, &refusal) {
		text = refusal.Detail
		switch refusal.Code {
		case CodeOtherRevocations, CodeOldRevocations:
			code = refusal.Code
		case CodeRevocations:
		default:
			text = fmt.Sprintf("%s: %s", refusal.Code, text)
		}
	}
	r.because(code, text)
}

// verdictRevoked is the answer for a result that was accepted and then revoked.
const verdictRevoked = "revoked"

// revoked says who revoked what, and who paid for it.
func (r *Report) revoked(v *Revocations) {
	k, by := v.Appeal.Revocation, ""
	for _, c := range k.Claims {
		if c.Result == k.Survivor && c.Code == dispute.CodeSurvived {
			by = " by the claim of " + c.Author.String()
			break
		}
	}
	r.Verdict = verdictRevoked
	r.Horizon = fmt.Sprintf("revoked at height %d, %s", k.Height, k.Time)
	r.Assumptions = slices.DeleteFunc(r.Assumptions, func(l Line) bool { return l.Code == AssumeNotRevoked })
	r.Findings = append(r.Findings, linesOf("appeal", []board.Dispute{v.Appeal.Dispute})...)
	r.because(CodeRevoked, fmt.Sprintf(
		"result %s was revoked at height %d (%s)%s, which ends in result %s and was the last one standing; %s slashed of %d in all",
		k.Result, k.Height, k.Time, cmp.Or(by, " by a claim"), k.Survivor, count(len(k.Faults), "supporter"), k.Slashed,
	))
}

// standing says until when the answer is known to hold.
func (r *Report) standing(v *Revocations) {
	at := assay.Time(v.Header.Seconds)*1000 + assay.Time(v.Header.Nanos/1_000_000)
	r.Findings = append(r.Findings, Line{
		Check: "revocation", Outcome: assay.Supported.String(),
		Text: fmt.Sprintf("not revoked as of height %d, %s: the state holds nothing under the job's key", v.Header.Height-1, at),
	})
	until, _ := r.file.horizonOf(r.genesis)
	for i := range r.Assumptions {
		if r.Assumptions[i].Code != AssumeNotRevoked {
			continue
		}
		switch {
		case at >= until.Add(appealMost):
			r.Assumptions = slices.Delete(r.Assumptions, i, i+1)
		case at >= until:
			r.Assumptions[i].Text = fmt.Sprintf("no appeal that was opened before %s runs still and revokes it", until)
		default:
			r.Assumptions[i].Text = fmt.Sprintf("nobody proves it wrong between height %d and %s", v.Header.Height, until)
		}
		break
	}
	r.Horizon += fmt.Sprintf("; not revoked as of height %d", v.Header.Height-1)
}
