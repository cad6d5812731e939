package ledger_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/board/boardtest"
	"github.com/capacloud/assay/dispute"
	"github.com/capacloud/assay/ledger"
	"github.com/capacloud/assay/merkle"
)

// theToy is the machine of the scripts about disputes: the truth is "right".
var theToy = boardtest.Referee{Result: func(*assay.Job) assay.Result { return result("right") }}

// program is what the jobs of those scripts run: three chunks, the last one short.
var program = []byte(strings.Repeat("a program of three chunks", 25_000))

func programDigest() assay.Digest { return merkle.FileOf(program) }

// withReferee puts a machine into the table for one test.
func withReferee(t testing.TB, r board.Referee) {
	old := board.SetReferee(assay.RuntimeWasm, r)
	t.Cleanup(func() { board.SetReferee(assay.RuntimeWasm, old) })
}

// traceOf reads "right", or "wrong@500": the trace that carries another result
// from step 500 on.
func (w *world) traceOf(job *assay.Job, text string) *boardtest.Trace {
	t := theToy.Trace(job)
	name, at, lies := strings.Cut(text, "@")
	if !lies {
		return t
	}
	var step uint64
	fmt.Sscan(at, &step)
	r := result(name)
	return t.Lie(step, r.Digest())
}

// running returns the dispute that runs about a job, in its case or an appeal.
func (w *world) running(job assay.JobID) *board.Dispute {
	if a, ok := w.ledger.Appeal(job); ok && a.Running() {
		return &a.Dispute
	}
	if c, ok := w.ledger.Case(job); ok {
		return c.Dispute()
	}
	return nil
}

// claim returns a first claim over a trace.
func (w *world) claim(c *board.Case, trace string) *assay.PostClaim {
	rules, err := dispute.NewRules(&w.genesis.Params, dispute.Costs{}, theToy.Steps(&c.Job, 0), 0, 0)
	if err != nil {
		panic(err)
	}
	return w.traceOf(&c.Job, trace).Claim(&rules)
}

// moves returns what a party may send for its live claim.
func (w *world) moves(c *board.Case, signer, trace string) []assay.Message {
	d := w.running(c.ID)
	if d == nil || d.Game == nil {
		return nil
	}
	var list []assay.Message
	for _, turn := range d.Game.Turns(w.key(signer)) {
		m := w.traceOf(&c.Job, trace).Move(theToy, turn)
		if _, refines := m.(*assay.PostRefinement); turn.Announced {
			m = w.claim(c, trace)
		} else if refines && turn.Refined {
			continue
		}
		list = append(list, m)
	}
	return list
}

// fight makes blocks in which parties move whenever they may, until no dispute
// runs: lines are "signer=trace". It prints what was refused and what happened.
func (s *script) fight(t *testing.T, d *datadriven.TestData) string {
	var b strings.Builder
	job := jobID(s.w, d.CmdArgs[0].Key)
	dt := int64(1000)
	d.MaybeScanArgs(t, "dt", &dt)
	blocks := 0
	for ; s.w.running(job) != nil && blocks < 200; blocks++ {
		var txs [][]byte
		var who []string
		c, _ := s.w.ledger.Case(job)
		for _, word := range strings.Fields(d.Input) {
			signer, trace, _ := strings.Cut(word, "=")
			signer = s.signer(t, c, signer)
			for _, m := range s.w.moves(c, signer, trace) {
				txs, who = append(txs, s.w.tx(signer, m)), append(who, fmt.Sprintf("%s %s", signer, m.Kind()))
			}
		}
		if len(txs) == 0 {
			txs, who = append(txs, s.w.tx("v1", &assay.Tick{})), append(who, "v1 tick")
		}
		out := s.w.apply(t, assay.Millis(dt), txs...)
		for i, r := range out.Results {
			if r.Code != "" && r.Code != "tick-not-due" {
				fmt.Fprintf(&b, "%s: %s\n", who[i], r.Code)
			}
		}
		for _, e := range out.Events {
			fmt.Fprintf(&b, "  %s\n", s.event(e))
		}
	}
	return b.String()
}

// signer turns "seat1" into whoever was drawn there.
func (s *script) signer(t *testing.T, c *board.Case, name string) string {
	if n, ok := strings.CutPrefix(name, "seat"); ok {
		return s.w.name(c.Seats[atoi(t, n)].Provider)
	}
	return name
}

// showDispute prints a dispute as the ledger keeps it.
func (s *script) showDispute(b *strings.Builder, c *board.Case, n string, d *board.Dispute) {
	fmt.Fprintf(b, "%s", n)
	switch {
	case d.Code != "":
		fmt.Fprintf(b, " %s", d.Code)
	case d.Game == nil:
		b.WriteString(" waits for the program")
	case d.Running():
		fmt.Fprintf(b, " %s", d.Game.Phase)
	default:
		fmt.Fprintf(b, " left %s", s.resultName(d.Survivor()))
	}
	if d.Void != "" {
		fmt.Fprintf(b, ", challenge void: %s", d.Void)
	}
	b.WriteString("\n")
	if d.Game == nil {
		return
	}
	for i := range d.Game.Claims {
		k := &d.Game.Claims[i]
		fmt.Fprintf(b, "  claim %d %s %s bond %s", i, s.w.name(k.Author), s.resultName(k.Result), k.Bond)
		if k.Lost != nil {
			fmt.Fprintf(b, " %s", k.Lost.Code)
		}
		b.WriteString("\n")
	}
}

func (s *script) resultName(d assay.Digest) string {
	for _, n := range []string{"right", "wrong", "other"} {
		r := result(n)
		if r.Digest() == d {
			return n
		}
	}
	return "none"
}

func showClaims(w *world, b *strings.Builder, list []assay.ClaimEnd) {
	for _, e := range list {
		fmt.Fprintf(b, "claim %d.%d %s %s bond %s returned %s costs %s bounty %s\n", e.Dispute, e.Claim, w.name(e.Author), e.Code, e.Bond, e.Returned, e.Costs, e.Bounty)
	}
}

// appeals prints the appeals of a job, and holds each that has ended to its
// replay.
func (s *script) appeals(t *testing.T, name string) string {
	var b strings.Builder
	id := jobID(s.w, name)
	c, _ := s.w.ledger.Case(id)
	for _, a := range s.w.ledger.Appeals(id) {
		s.showDispute(&b, c, fmt.Sprintf("appeal %d until +%d", a.Number, a.Horizon-genesisTime), &a.Dispute)
		showClaims(s.w, &b, a.Claims)
		for _, p := range a.Posters {
			fmt.Fprintf(&b, "posted by %s: %s\n", s.w.name(p.To), p.Amount)
		}
		if r := a.Revocation; r != nil {
			fmt.Fprintf(&b, "revoked: slashed %s, requester %s, burned %s, %d faults\n", r.Slashed, r.Requester, r.Burned, len(r.Faults))
			want := r.Digest()
			if got := s.w.store.Get(ledger.RevocationKey(id)); string(got) != string(want[:]) {
				t.Errorf("the state keeps revocation %x, not %s", got, want)
			}
		} else if s.w.store.Get(ledger.RevocationKey(id)) != nil {
			b.WriteString("a revocation of an earlier appeal is on record\n")
		}
		if !a.Running() {
			a.Dispute.Proofs = s.w.ledger.AppealWitnesses(id, a.Number)
			if err := board.ReplayAppeal(&s.w.genesis.Params, c, a); err != nil {
				t.Error(err)
			}
			for name, tamper := range map[string]func(*board.Appeal){
				"burned":    func(a *board.Appeal) { a.Burned++ },
				"horizon":   func(a *board.Appeal) { a.Horizon++ },
				"supporter": func(a *board.Appeal) { a.Supporters = a.Supporters[1:] },
				"opened":    func(a *board.Appeal) { a.Opened.Time++ },
				"claims":    func(a *board.Appeal) { a.Claims = nil },
				"result":    func(a *board.Appeal) { a.Result[0]++ },
				"spared":    func(a *board.Appeal) { a.Revocation = new(board.Revocation) },
			} {
				b := a.Copy()
				tamper(b)
				if assay.CodeOf(board.ReplayAppeal(&s.w.genesis.Params, c, b)) != board.CodeReplay {
					t.Errorf("an appeal with another %s replays", name)
				}
			}
		}
	}
	return b.String()
}

// replays holds a settled case to its replay, witnesses included.
func (s *script) replays(t *testing.T, c *board.Case) {
	k := *s.w.ledger.WithEvidence(c)
	k.Disputes = c.CopyDisputes()
	for n := range k.Disputes {
		k.Disputes[n].Proofs = s.w.ledger.Witnesses(c.ID, n)
		if g := k.Disputes[n].Game; g != nil && len(k.Disputes[n].Proofs) != len(g.Proofs) {
			t.Errorf("dispute %d keeps %d witnesses of %d", n, len(k.Disputes[n].Proofs), len(g.Proofs))
		}
	}
	if err := board.Replay(&s.w.genesis.Params, s.w.genesis, &k); err != nil {
		t.Error(err)
	}
}
