package main

import (
	"fmt"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/dispute"
	"github.com/capacloud/assay/machine/step"
	"github.com/capacloud/assay/machine/wasm"
)

// disputeSummary is an entry of "disputes" in `run --json`. The step is the first
// one of the first proof that decided something: where the liars diverge.
type disputeSummary struct {
	ID           string      `json:"id"`
	Rounds       int         `json:"rounds"`
	BytesPosted  uint64      `json:"bytes_posted"`
	WitnessBytes uint32      `json:"witness_bytes"`
	SegmentSteps uint64      `json:"segment_steps"`
	Step         uint64      `json:"step"`
	Instruction  string      `json:"instruction"`
	Losers       []loserView `json:"losers"`
	Millis       int64       `json:"ms"` // of the ledger's time, until its end
}

// loserView is a claim that has lost, or a seat that stood behind a result which
// nobody defended.
type loserView struct {
	Claim       *uint16       `json:"claim,omitempty"`
	Author      assay.Key     `json:"author"`
	Result      *assay.Digest `json:"result,omitempty"`
	Code        assay.Code    `json:"code"`
	Misled      bool          `json:"misled,omitempty"` // it went on from a checkpoint that the dispute has refuted
	Step        *uint64       `json:"step,omitempty"`
	Steps       uint64        `json:"segment_steps,omitempty"`
	Instruction string        `json:"instruction,omitempty"`
	Stated      *assay.Digest `json:"stated_root,omitempty"` // behind the segment, as it said
	Proved      *assay.Digest `json:"proved_root,omitempty"` // as the referee found
}

// disputeView is an entry of `dispute show --json`: the whole game.
type disputeView struct {
	disputeSummary
	State      string         `json:"state"`
	Code       assay.Code     `json:"code,omitempty"` // why it ended without a game
	Opened     assay.Moment   `json:"-"`
	Height     uint64         `json:"opened_height"`
	Candidates []assay.Digest `json:"candidates"`
	Survivor   *assay.Digest  `json:"survivor,omitempty"`
	Start      *assay.Digest  `json:"start_root,omitempty"`
	Span       uint64         `json:"span,omitempty"` // steps that a first claim is about
	Claims     []claimView    `json:"claims"`
	Matches    []matchView    `json:"matches,omitempty"` // that are being played
	Proofs     []proofView    `json:"proofs"`
}

type claimView struct {
	Claim  uint16       `json:"claim"`
	Author assay.Key    `json:"author"`
	Result assay.Digest `json:"result"`
	Steps  uint64       `json:"steps"`
	Bond   assay.Amount `json:"bond"`
	State  assay.Code   `json:"state"` // announced, live, survived, or why it lost
	Moves  []moveView   `json:"moves"`
}

type moveView struct {
	Kind   string      `json:"kind"` // claim, refinement, proof
	Step   uint64      `json:"step"`
	Steps  uint64      `json:"segment_steps"`
	At     assay.Clock `json:"clock_ms"`
	Bytes  uint32      `json:"bytes"`
	number uint32
}

type matchView struct {
	Claims [2]uint16       `json:"claims"`
	Step   uint64          `json:"step"`
	Steps  uint64          `json:"segment_steps"`
	Start  assay.Digest    `json:"start_root"`
	Ends   [2]assay.Digest `json:"end_roots"`
}

type proofView struct {
	Claim   uint16       `json:"claim"` // whose author posted it
	Step    uint64       `json:"step"`
	Steps   uint64       `json:"segment_steps"`
	Start   assay.Digest `json:"start_root"`
	End     assay.Digest `json:"end_root"`
	Witness assay.Digest `json:"witness"`
	Bytes   uint32       `json:"witness_bytes"`
	Decides bool         `json:"decides"`
	*machineView
}

// stepsOf returns how many steps an interval of a level has.
func stepsOf(level uint8) uint64 { return 1 << (5 * uint(level)) }

// reader explains disputes about one job. The program is optional: with it,
// instructions have their function.
type disputeReader struct {
	job     *assay.Job
	c       *board.Case // with the seats that answer for it; nil: an appeal
	program *wasm.Program
}

// view tells one dispute of the case.
func (r *disputeReader) view(id string, d *board.Dispute, number int, image []byte) disputeView {
	v := disputeView{
		disputeSummary: disputeSummary{ID: id, Losers: []loserView{}},
		State:          stateOf(d), Code: d.Code, Opened: d.Asked, Height: d.Asked.Height,
		Candidates: append([]assay.Digest{}, d.Candidates...), Claims: []claimView{}, Proofs: []proofView{},
	}
	if !d.Running() {
		v.Millis = int64(d.Ended.Time - d.Asked.Time)
	}
	if s := d.Survivor(); !s.IsZero() {
		v.Survivor = &s
	}
	if g := d.Game; g != nil {
		r.game(&v, d, image)
	}
	r.silent(&v, number)
	return v
}

// stateOf names what a dispute waits for.
func stateOf(d *board.Dispute) string {
	switch {
	case !d.Running():
		return "ended"
	case d.Game == nil:
		return "programming"
	}
	return d.Game.Phase.String()
}

func (r *disputeReader) game(v *disputeView, d *board.Dispute, image []byte) {
	g := d.Game
	start := g.Start
	v.Start, v.Span = &start, g.Rules.Span()
	for i := range g.Proofs {
		v.Proofs = append(v.Proofs, r.proof(g, i, d.Proofs, image))
	}
	for i := range g.Claims {
		c := &g.Claims[i]
		k := claimViewOf(uint16(i), c, g.IsOver())
		for _, m := range k.Moves {
			v.BytesPosted += uint64(m.Bytes)
		}
		v.Claims = append(v.Claims, k)
		if c.Lost != nil {
			v.lost(uint16(i), c)
		}
	}
	v.Rounds = roundsOf(g)
	for _, m := range g.Matches() {
		v.Matches = append(v.Matches, matchView{Claims: [2]uint16{m.A, m.B}, Step: m.Offset, Steps: stepsOf(m.Level), Start: m.Start, Ends: [2]assay.Digest{m.EndA, m.EndB}})
	}
	if i := slices.IndexFunc(v.Proofs, func(p proofView) bool { return p.Decides }); i >= 0 {
		p := &v.Proofs[i]
		v.WitnessBytes, v.SegmentSteps, v.Step, v.Instruction = p.Bytes, p.Steps, p.Step, p.place()
	}
}

// roundsOf is what the outcome counts, also of a game that runs.
func roundsOf(g *dispute.Game) int {
	if g.IsOver() {
		return g.Outcome().Rounds
	}
	k := g.Copy()
	k.Phase = dispute.Over
	return k.Outcome().Rounds
}

func claimViewOf(number uint16, c *dispute.Claim, over bool) claimView {
	k := claimView{Claim: number, Author: c.Author, Result: c.Result, Steps: c.Steps, Bond: c.Bond, State: "live", Moves: []moveView{}}
	switch {
	case c.Lost != nil:
		k.State = c.Lost.Code
	case c.Announced():
		k.State = "announced"
	case over:
		k.State = dispute.CodeSurvived
	}
	add := func(kind string, level uint8, offset uint64, m dispute.Move) {
		k.Moves = append(k.Moves, moveView{kind, offset, stepsOf(level), m.At, m.Bytes, m.Number})
	}
	add("claim", 0, 0, c.Posted)
	k.Moves[0].Steps = c.Steps
	for _, x := range c.Refined {
		add("refinement", x.Level, x.Offset, x.Move)
	}
	for _, x := range c.Proved {
		add("proof", x.Level, x.Offset, x.Move)
	}
	slices.SortFunc(k.Moves, func(a, b moveView) int { return int(a.number) - int(b.number) })
	return k
}

// lost adds a claim that has lost, with the step at which it did.
func (v *disputeView) lost(number uint16, c *dispute.Claim) {
	l := c.Lost
	x := loserView{Claim: &number, Author: c.Author, Code: l.Code}
	if !c.Result.IsZero() {
		result := c.Result
		x.Result = &result
	}
	if l.Code != dispute.CodeUnmade && (l.Rival != nil || l.Proof != nil) {
		at := l.Offset
		x.Step, x.Steps = &at, stepsOf(l.Level)
	}
	if l.Proof != nil {
		p := &v.Proofs[*l.Proof]
		p.Decides = true
		x.Instruction = p.place()
		stated, proved := l.Stated, l.Proved
		x.Stated, x.Proved = &stated, &proved
	}
	v.Losers = append(v.Losers, x)
}

// silent adds the seats whose result nobody defended by a claim, and those whose
// checkpoint is refuted; whoever went on from one was misled.
func (r *disputeReader) silent(v *disputeView, number int) {
	if r.c == nil {
		return
	}
	for i := range r.c.Seats {
		s := &r.c.Seats[i]
		if int(s.Lost) != number+1 {
			continue
		}
		known := v.blame(s.Provider, s.State == assay.Misled)
		poisoned := r.c.Poisoned(s)
		if known && !poisoned {
			continue
		}
		x := loserView{Author: s.Provider, Code: dispute.CodeSilent, Misled: s.State == assay.Misled}
		if poisoned {
			x.Code = board.CodeRefuted
		}
		if s.Result != nil {
			d := s.Result.Digest()
			x.Result = &d
		}
		v.Losers = append(v.Losers, x)
	}
}

// blame says of an author's lost claims whether it was misled, and reports whether
// there are any.
func (v *disputeView) blame(author assay.Key, misled bool) (known bool) {
	for i := range v.Losers {
		if v.Losers[i].Author == author {
			v.Losers[i].Misled, known = misled, true
		}
	}
	return known
}

// appeal tells a late fraud proof. Its supporters answer by their stake, and so
// does a seat that supported nothing and has misled one that did.
func (r *disputeReader) appeal(a *board.Appeal) disputeView {
	k := *r
	k.c = nil
	v := k.view(appealID(a.Job, a.Number), &a.Dispute, int(a.Number), a.Image)
	if a.Revocation == nil {
		return v
	}
	for _, f := range a.Revocation.Faults {
		v.blame(f.Provider, f.Class == assay.FaultMisled)
		supports := slices.ContainsFunc(a.Supporters, func(l board.Liable) bool { return l.Seat == f.Seat })
		if f.Class == assay.FaultProvedWrong && !supports {
			v.Losers = append(v.Losers, loserView{Author: f.Provider, Code: board.CodeRefuted})
		}
	}
	return v
}

// proof explains one proof: where it stands, and the machine there, as far as
// its witness is at hand.
func (r *disputeReader) proof(g *dispute.Game, i int, witnesses [][]byte, image []byte) proofView {
	p := &g.Proofs[i]
	v := proofView{
		Claim: p.Claim, Step: p.Offset, Steps: stepsOf(p.Level), Start: p.Start, End: p.End, Witness: p.Witness, Bytes: p.Bytes,
	}
	if i < len(witnesses) && len(witnesses[i]) > 0 {
		v.machineView = r.explain(p.Start, witnesses[i], image)
	}
	return v
}

// explain reads the state before a proved segment from its witness.
func (r *disputeReader) explain(start assay.Digest, witness, image []byte) *machineView {
	im, err := wasm.DecodeImage(image)
	if err != nil {
		return nil
	}
	rec, next, err := step.ExplainWitness(im, start, witness)
	if err != nil {
		return nil
	}
	if r.program != nil && next.Phase == step.Running {
		if f, offset, ok := functionAt(r.program, rec.PC); ok {
			next.Function, next.Offset = f, offset
		}
	}
	v := machineViewOf(&rec, next)
	return &v
}

// functionAt returns which function an instruction belongs to.
func functionAt(p *wasm.Program, pc uint32) (function int, offset uint32, ok bool) {
	function = -1
	for i, f := range p.Funcs {
		if f.Host == 0 && f.Entry <= pc {
			function, offset = i, pc-f.Entry
		}
	}
	return function, offset, function >= 0
}

// place tells where a proof stands: the instruction, if its witness is known.
func (p *proofView) place() string {
	if p.machineView == nil {
		return ""
	}
	return p.words()
}

// summaries lists what `run --json` says of the disputes of a settled case.
func (r *disputeReader) summaries(c *board.Case) []disputeSummary {
	list := []disputeSummary{}
	for i := range c.Disputes {
		list = append(list, r.view(disputeID(c.ID, i), &c.Disputes[i], i, c.Image).disputeSummary)
	}
	return list
}

// disputeID names a dispute of a case; an appeal's is appealID.
func disputeID(job assay.JobID, number int) string { return fmt.Sprintf("%s/%d", job, number) }

func appealID(job assay.JobID, number uint16) string { return fmt.Sprintf("%s/appeal/%d", job, number) }
