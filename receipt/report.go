package receipt

import (
	"errors"
	"fmt"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/merkle"
)

// Report is what a verification found. Whatever it says of the job was
// recomputed: while nothing is established it holds a reason and no verdict.
type Report struct {
	Verdict     string            `json:"verdict,omitempty"` // accepted, refuted, undecided, revoked; empty: not established
	Anchor      string            `json:"anchor,omitempty"`
	Network     string            `json:"network,omitempty"`
	Job         string            `json:"job,omitempty"`
	Policy      string            `json:"policy,omitempty"`
	Result      *Outcome          `json:"result,omitempty"`
	Findings    []Line            `json:"findings,omitempty"`
	Assumptions []Line            `json:"assumptions,omitempty"`
	Settlement  *assay.Settlement `json:"-"`
	Horizon     string            `json:"horizon,omitempty"`
	Assembler   string            `json:"assembler,omitempty"`
	Reason      *Reason           `json:"reason,omitempty"`
	Exit        int               `json:"-"`
	file        *File             // nil when malformed
	genesis     *assay.Genesis    // of the anchor, once all of it held
}

// Outcome is the accepted result.
type Outcome struct {
	Status     string   `json:"status"`
	ExitCode   uint32   `json:"exit_code"`
	Trap       string   `json:"trap,omitempty"`
	Fuel       uint64   `json:"fuel"`
	OutputRoot string   `json:"output_root"`
	StateRoot  string   `json:"state_root"`
	Outputs    []Output `json:"outputs"`
}

// Output is one file or folder that was delivered.
type Output struct {
	Path   string `json:"path"`
	Bytes  uint64 `json:"bytes"`
	Digest string `json:"digest"`
}

// Line is one finding (with Check and Outcome) or assumption (with Code).
type Line struct {
	Check   string     `json:"check,omitempty"`
	Outcome string     `json:"outcome,omitempty"`
	Code    assay.Code `json:"code,omitempty"`
	Text    string     `json:"text"`
}

// Reason says why a verification did not end in 0.
type Reason struct {
	Code assay.Code `json:"code"`
	Text string     `json:"text"`
	Hint string     `json:"hint,omitempty"`
}

// notEstablished are the codes under which nothing is shown to be wrong.
var notEstablished = map[assay.Code]bool{
	CodeMalformed: true, CodeNoAnchor: true, CodeNoArtifacts: true, CodeUndecided: true,
	CodeUnverified: true, CodeAnchor: true, assay.CodeTxNetwork: true,
	CodeRevocations: true, CodeOtherRevocations: true, CodeOldRevocations: true,
}

// because sets reason and exit.
func (r *Report) because(code assay.Code, text string) {
	r.Reason = &Reason{Code: code, Text: text, Hint: hintOf(code)}
	r.Exit = ExitBroken
	if notEstablished[code] {
		r.Exit = ExitNotEstablished
	}
}

func hintOf(code assay.Code) string {
	switch code {
	case assay.CodeTxNetwork:
		return hintNetwork
	case CodeUnverified:
		return hintUnverified
	}
	for _, c := range Codes() {
		if c.Code == code {
			return c.Hint
		}
	}
	return ""
}

// refused reports a receipt that was not established. It repeats nothing of
// what the file says about the job, except where it says to belong.
func refused(f *File, anchor *Anchor, err error) *Report {
	r := &Report{file: f}
	if anchor != nil {
		r.Anchor = anchor.Name()
	}
	text := err.Error()
	if refusal := (*assay.Refusal)(nil); errors.As(err, &refusal) {
		text = refusal.Detail
	}
	r.because(assay.CodeOf(err), text)
	return r
}

// report describes a receipt of which every check held.
func (f *File) report(anchor *Anchor) *Report {
	rec := &f.Record
	r := &Report{
		Verdict:    rec.Verdict.Outcome.String(),
		Anchor:     anchor.Name(),
		Network:    rec.Network.String(),
		Job:        rec.Job.String(),
		Policy:     f.Case.Job.Policy,
		Result:     f.outcome(),
		Settlement: &rec.Settlement,
		Horizon:    f.horizon(&anchor.Genesis),
		Assembler:  "unauthenticated " + f.Assembler.String(),
		file:       f,
		genesis:    &anchor.Genesis,
	}
	for _, x := range rec.Verdict.Findings {
		r.Findings = append(r.Findings, Line{Check: x.Check, Outcome: x.Outcome.String(), Text: x.Text})
	}
	r.Findings = append(r.Findings, f.mechanisms(&anchor.Genesis)...)
	r.Assumptions = f.assumptions(&anchor.Genesis)
	f.answer(r)
	return r
}

// answer sets the exit for the receipt's own verdict.
func (f *File) answer(r *Report) {
	v := &f.Record.Verdict
	switch v.Outcome {
	case assay.Rejected:
		r.because(CodeRefuted, "every result that was offered is proved wrong")
	case assay.Undecided:
		text := "the protocol reached no verdict"
		if v.Code != "" {
			text += ": " + string(v.Code)
		}
		r.because(CodeUndecided, text)
	case assay.Accepted:
		// The policy `none` stands alone, and says so in its assumption.
		for _, a := range v.Assumptions {
			if a.Code == CodeUnverified {
				r.because(CodeUnverified, a.Text)
			}
		}
	}
}

func (f *File) outcome() *Outcome {
	if !f.accepted() {
		return nil
	}
	v := f.Record.Verdict.Result
	o := &Outcome{
		Status: v.Status.String(), ExitCode: v.ExitCode, Trap: string(v.Trap), Fuel: v.Fuel,
		OutputRoot: v.Output.String(), StateRoot: v.State.String(), Outputs: []Output{},
	}
	for _, e := range f.outputs() {
		path := e.Name
		if e.Kind == merkle.Folder {
			path += "/"
		}
		o.Outputs = append(o.Outputs, Output{Path: path, Bytes: e.Size, Digest: e.Digest.String()})
	}
	return o
}

// mechanisms says in words what the receipt itself was checked for. Numbers are
// counted from the evidence.
func (f *File) mechanisms(g *assay.Genesis) []Line {
	var lines []Line
	say := func(check, format string, args ...any) {
		lines = append(lines, Line{Check: check, Outcome: assay.Supported.String(), Text: fmt.Sprintf(format, args...)})
	}
	for _, d := range f.Case.Draws {
		tries, seats := 0, 0
		for _, s := range d.Seats {
			tries += len(s.Tries)
			if !s.Vacant {
				seats++
			}
		}
		say("draw", "%s drawn by the beacon of height %d over a free stake of %d, %s recomputed",
			count(seats, "provider"), d.Height, d.Market.Weight, count(tries, "number"))
	}
	if n := len(f.Case.Inputs); n > 0 && f.Case.InputsAt != 0 {
		say("inputs", "%s attested to hold program and inputs, so that whoever watched could execute them", count(n, "validator"))
	}
	lines = append(lines, f.disputeLines()...)
	s := &f.Record.Settlement
	say("settlement", "recomputed to the coin: paid %d, refunded %d, fees %d, slashed %d, burned %d", s.Paid, s.Refunded, s.Fees, s.Slashed, s.Burned)
	if line := availability(g, s.Availability); line != "" {
		say("availability", "%s", line)
	}
	most := ""
	if len(f.Commit.Votes) < len(f.Validators) {
		most = "at least "
	}
	say("ledger", "settled at height %d, finalised at height %d by %s%d of %d validators", f.Record.Height, f.Header.Height, most, len(f.Commit.Votes), len(f.Validators))
	return lines
}

func availability(g *assay.Genesis, a assay.Availability) string {
	switch {
	case a == assay.Attested && len(g.Validators) == 1:
		return "the one validator attested that its own store holds the output"
	case a == assay.Attested:
		return "validators with two thirds of the power attested that they hold the output"
	case a == assay.Answered:
		return "a provider posted the leaves of the output that a beacon named"
	case a == assay.NotAvailable:
		return "nobody delivered the output; nobody was paid"
	}
	return ""
}

// assumptions are those of the verdict, which the rules gave again, the kind of
// network first, and what the validators are trusted for when there are more
// than one. With one, the board has said it.
func (f *File) assumptions(g *assay.Genesis) []Line {
	var lines []Line
	for _, a := range f.Record.Verdict.Assumptions {
		lines = append(lines, Line{Code: a.Code, Text: a.Text})
	}
	if len(g.Validators) > 1 {
		lines = append(lines, Line{Code: AssumeValidators, Text: "validators with more than two thirds of the power did not sign two histories"})
	}
	if until, open := f.horizonOf(g); open {
		lines = append(lines, Line{Code: AssumeNotRevoked, Text: "nobody has proved it wrong since, or does before " + until.String()})
	}
	return lines
}

// horizonOf returns until when a fraud proof can revoke the result, and whether
// one can at all: a result was accepted, the runtime has a referee, and the
// network has a liability window and outlives the job.
func (f *File) horizonOf(g *assay.Genesis) (until assay.Time, open bool) {
	until, open = board.HorizonOf(&g.Params, f.settled())
	return until, open && g.Kind != assay.InProcess
}

// horizon says until when the answer could still change.
func (f *File) horizon(g *assay.Genesis) string {
	until, open := f.horizonOf(g)
	switch {
	case g.Kind == assay.InProcess:
		return "final at settlement; the network has ended: cannot be revoked, nobody holds the bytes"
	case !open:
		return "final at settlement"
	}
	return "liable until " + until.String() + "; before then it could still be revoked"
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
