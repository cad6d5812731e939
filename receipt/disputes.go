package receipt

import (
	"fmt"
	"slices"
	"strings"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/dispute"
)

// The case keeps of a proof in a dispute what it found; the witness, from which
// the referee found it, is kept apart. A receipt carries the witnesses of the
// proofs by which a claim has lost, so that its reader executes the disputed
// steps again. What was lost by silence stands on the ledger's clock.

// Decisive lists the proofs of a game by which some claim has lost, by number.
// The game may be anybody's: a number beyond its proofs is left to Game.Validate.
func Decisive(g *dispute.Game) []int {
	var list []int
	if g == nil {
		return nil
	}
	for i := range g.Claims {
		l := g.Claims[i].Lost
		if l != nil && l.Proof != nil && int(*l.Proof) < len(g.Proofs) && !slices.Contains(list, int(*l.Proof)) {
			list = append(list, int(*l.Proof))
		}
	}
	slices.Sort(list)
	return list
}

// takeWitnesses moves the witnesses of the decisive proofs out of disputes, in
// the order of disputes and proofs. Proofs that decided nothing stay behind: an
// attacker could fill a receipt with them.
func takeWitnesses(disputes []board.Dispute) (kept []board.Dispute, witnesses [][]byte, err error) {
	kept = slices.Clone(disputes)
	for d := range kept {
		x := &kept[d]
		for _, i := range Decisive(x.Game) {
			if i >= len(x.Proofs) {
				return nil, nil, assay.Refuse(CodeNoArtifacts, "the witness of proof %d in dispute %d", i, d)
			}
			witnesses = append(witnesses, x.Proofs[i])
		}
		x.Proofs = nil
	}
	return kept, witnesses, nil
}

// holdProofs reports whether a dispute holds witnesses, which stand elsewhere in
// a file.
func holdProofs(disputes []board.Dispute) bool {
	return slices.ContainsFunc(disputes, func(d board.Dispute) bool { return len(d.Proofs) != 0 })
}

// checkGames verifies the form of every game and that the witnesses are those of
// its decisive proofs, all of them and no other.
func checkGames(job assay.JobID, disputes []board.Dispute, witnesses [][]byte) error {
	n := 0
	for d := range disputes {
		g := disputes[d].Game
		if g == nil {
			continue
		}
		if err := g.Validate(); err != nil {
			return assay.Refuse(CodeBrokenRule, "dispute %d: %v", d, err)
		}
		if g.Job != job {
			return assay.Refuse(CodeBrokenHash, "dispute %d is about job %s", d, g.Job.Short())
		}
		for _, i := range Decisive(g) {
			if n == len(witnesses) || dispute.WitnessDigest(witnesses[n]) != g.Proofs[i].Witness {
				return assay.Refuse(CodeBrokenHash, "the witness of proof %d in dispute %d is missing or another", i, d)
			}
			n++
		}
	}
	if n != len(witnesses) {
		return assay.Refuse(CodeBrokenHash, "%d witnesses belong to no proof", len(witnesses)-n)
	}
	return nil
}

func (f *File) checkGames() error { return checkGames(f.Case.ID, f.Case.Disputes, f.Witnesses) }

// Disputes returns the disputes of the case with the witnesses of their decisive
// proofs, for people to read. It checks their form, and verifies nothing else.
func (f *File) Disputes() ([]board.Dispute, error) {
	if err := f.checkGames(); err != nil {
		return nil, err
	}
	list, n := slices.Clone(f.Case.Disputes), 0
	for d := range list {
		g := list[d].Game
		if g == nil {
			continue
		}
		list[d].Proofs = make([][]byte, len(g.Proofs))
		for _, i := range Decisive(g) {
			list[d].Proofs[i] = f.Witnesses[n]
			n++
		}
	}
	return list, nil
}

// checkProofs executes every decisive proof again, and verifies that whoever has
// lost by it had stated something else about the same interval.
func checkProofs(job *assay.Job, image []byte, disputes []board.Dispute, witnesses [][]byte) error {
	n := 0
	for d := range disputes {
		g := disputes[d].Game
		proofs := Decisive(g)
		if g != nil {
			if err := checkLosses(g); err != nil {
				return assay.Refuse(CodeBrokenProof, "dispute %d: %v", d, err)
			}
		}
		if len(proofs) == 0 {
			continue
		}
		referee, ok := board.RefereeOf(job.Runtime)
		if !ok {
			return assay.Refuse(CodeBrokenRule, "dispute %d is about runtime %q, which has no referee", d, job.Runtime)
		}
		start, machine, err := referee.Machine(image, job)
		if err != nil {
			return assay.Refuse(CodeBrokenProof, "the machine of dispute %d: %v", d, err)
		}
		if start != g.Start {
			return assay.Refuse(CodeBrokenProof, "dispute %d starts in state %s, the job in %s", d, g.Start.Short(), start.Short())
		}
		for _, i := range proofs {
			if err := g.Recheck(machine, i, witnesses[n]); err != nil {
				return assay.Refuse(CodeBrokenProof, "dispute %d: %v", d, err)
			}
			if int(g.Proofs[i].Bytes) != len(witnesses[n]) {
				return assay.Refuse(CodeBrokenProof, "dispute %d: proof %d has a witness of %d bytes", d, i, len(witnesses[n]))
			}
			n++
		}
	}
	return nil
}

func (f *File) checkProofs() error {
	return checkProofs(&f.Case.Job, f.Case.Image, f.Case.Disputes, f.Witnesses)
}

// checkLosses verifies that each claim which has lost by a proof had stated
// another end of the proved interval, from the same start.
func checkLosses(g *dispute.Game) error {
	for i := range g.Claims {
		l := g.Claims[i].Lost
		if l != nil && (l.Code == dispute.CodeRefuted) != (l.Proof != nil) {
			return fmt.Errorf("claim %d lost as %s with or without a proof", i, l.Code)
		}
		if l == nil || l.Proof == nil {
			continue
		}
		p := &g.Proofs[*l.Proof]
		if l.Level != p.Level || l.Offset != p.Offset || l.Start != p.Start || l.Proved != p.End || l.Stated == p.End {
			return fmt.Errorf("claim %d did not lose by proof %d", i, *l.Proof)
		}
	}
	return nil
}

// disputeLines says in words what the disputes were and what was executed again.
func (f *File) disputeLines() []Line {
	if _, ok := board.RefereeOf(f.Case.Job.Runtime); ok && len(f.Case.Disputes) == 0 {
		return []Line{{Check: "dispute", Outcome: assay.Supported.String(), Text: "no claim was posted against any result before the settlement"}}
	}
	return linesOf("dispute", f.Case.Disputes)
}

func linesOf(check string, disputes []board.Dispute) []Line {
	var lines []Line
	say := func(format string, args ...any) {
		lines = append(lines, Line{Check: check, Outcome: assay.Supported.String(), Text: fmt.Sprintf(format, args...)})
	}
	for d := range disputes {
		g := disputes[d].Game
		if g == nil {
			say("%s %d ended without a game: %s", check, d, disputes[d].Code)
			continue
		}
		if o := g.Outcome(); o.Winner == nil {
			say("%s %d: none of %s survived", check, d, count(len(g.Claims), "claim"))
		} else {
			say("%s %d: of %s, those that end in %s survived after %s and %d bytes", check, d, count(len(g.Claims), "claim"), o.Result.Short(), count(o.Rounds, "round"), o.Bytes)
		}
		for _, i := range Decisive(g) {
			p := &g.Proofs[i]
			say("%s %d: executed again from a witness of %d bytes, %s from step %d: the end is %s, which refutes claim %s",
				check, d, p.Bytes, count(1<<(5*int(p.Level)), "step"), p.Offset, p.End.Short(), strings.Join(losersBy(g, i), ", "))
		}
	}
	return lines
}

// losersBy numbers the claims that have lost by a proof.
func losersBy(g *dispute.Game, proof int) []string {
	var list []string
	for k := range g.Claims {
		if l := g.Claims[k].Lost; l != nil && l.Proof != nil && int(*l.Proof) == proof {
			list = append(list, fmt.Sprint(k))
		}
	}
	return list
}

// disputeViews are the disputes of the statement. A witness is named by its
// digest.
func disputeViews(c *board.Case) []object {
	list := []object{}
	for d := range c.Disputes {
		x := &c.Disputes[d]
		v := object{"asked": decimal(x.Asked.Height), "candidates": digestViews(x.Candidates)}
		if x.Code != "" {
			v["code"] = string(x.Code)
		}
		if g := x.Game; g != nil {
			o := g.Outcome()
			v["claims"], v["rounds"], v["bytes"] = decimal(uint32(len(g.Claims))), decimal(uint32(o.Rounds)), decimal(o.Bytes)
			if o.Winner != nil {
				v["survivor"] = o.Result.String()
			}
			proofs := []object{}
			for _, i := range Decisive(g) {
				p := &g.Proofs[i]
				proofs = append(proofs, object{
					"level": decimal(uint16(p.Level)), "offset": decimal(p.Offset), "start": p.Start.String(), "end": p.End.String(), "witness": p.Witness.String(),
				})
			}
			v["proofs"] = proofs
		}
		list = append(list, v)
	}
	return list
}

func digestViews(digests []assay.Digest) []string {
	list := []string{}
	for _, d := range digests {
		list = append(list, d.String())
	}
	return list
}

func claimViews(claims []assay.ClaimEnd) []object {
	list := []object{}
	for _, c := range claims {
		list = append(list, object{
			"dispute": decimal(c.Dispute), "claim": decimal(c.Claim), "author": c.Author.String(), "result": c.Result.String(), "code": string(c.Code),
			"bond": c.Bond.String(), "returned": c.Returned.String(), "costs": c.Costs.String(), "bounty": c.Bounty.String(),
		})
	}
	return list
}
