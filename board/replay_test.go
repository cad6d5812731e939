package board

import (
	"strings"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

// settledCase plays three honest providers, one liar and one that leaves.
func settledCase(t *testing.T) *harness {
	t.Helper()
	h := newHarness(12, 4, assay.Dev)
	if err := h.submit("quorum(3)", 600_000, false); err != nil {
		t.Fatal(err)
	}
	h.block(1000, nil)
	labels := []string{"A", "B", "A", "A", "A", "A", "A", "A", "A", "A"}
	for !h.c.Settled() {
		h.block(1000, func() {
			for i := range h.c.Seats {
				_ = h.commit(i, labels[i])
				_ = h.tag(i, labels[i])
				if i != 2 {
					_ = h.open(i, labels[i])
				}
			}
			for v := range 3 {
				_ = h.attest(v, "A")
			}
		})
	}
	return h
}

// TestReplayRefusesTampering changes one thing of a settled case at a time, and
// writes the hash of the board anew, as a forger of receipts would.
func TestReplayRefusesTampering(t *testing.T) {
	tampers := map[string]func(*Case){
		"nothing":                       func(*Case) {},
		"another network":               func(c *Case) { c.Network[0]++ },
		"another job under the id":      func(c *Case) { c.Job.Nonce++ },
		"a cheaper escrow":              func(c *Case) { c.Escrow-- },
		"more paid":                     func(c *Case) { c.Record.Settlement.Paid++ },
		"paid to another":               func(c *Case) { c.Record.Settlement.Payments[0].To = key("thief", 0) },
		"price raised":                  func(c *Case) { c.Seats[0].Price++ },
		"price raised in the listing":   func(c *Case) { last(c, 0).Listing.Price++ },
		"another beacon":                func(c *Case) { c.Draws[0].Beacon.Value[0]++ },
		"another market":                func(c *Case) { c.Draws[0].Market.Digest[0]++ },
		"a beacon of the same block":    func(c *Case) { c.Draws[0].Height = c.Draws[0].Asked },
		"a draw asked before":           func(c *Case) { c.Draws[1].Asked = c.Draws[0].Asked },
		"another owner in the seat":     func(c *Case) { c.Seats[1].Owner = key("owner", 99) },
		"a draw left out":               func(c *Case) { c.Draws = c.Draws[:len(c.Draws)-1] },
		"a skip without a reason":       func(c *Case) { last(c, 0).Skip = "no-capacity" },
		"a commitment replaced":         func(c *Case) { c.Seats[0].Commit[0]++ },
		"a tag replaced":                func(c *Case) { c.Seats[0].Tag[0]++ },
		"a salt replaced":               func(c *Case) { c.Seats[0].Salt[0]++ },
		"an opening replaced":           func(c *Case) { r := resultOf("B"); c.Seats[0].Result = &r },
		"a liar made late":              func(c *Case) { c.Seats[1].State = assay.Late },
		"an honest one proved wrong":    func(c *Case) { c.Seats[0].State = assay.ProvedWrong },
		"a leaver made assigned":        func(c *Case) { c.Seats[2].State = assay.Tagged },
		"blind turned off":              func(c *Case) { c.Seats[0].Blind = false },
		"blind turned on":               func(c *Case) { c.Seats[len(c.Seats)-1].Blind = true },
		"a verdict of another result":   func(c *Case) { r := resultOf("B"); c.Verdict.Result, c.Record.Verdict.Result = &r, &r },
		"an assumption left out":        func(c *Case) { c.Verdict.Assumptions, c.Record.Verdict.Assumptions = nil, nil },
		"a finding reworded":            func(c *Case) { c.Record.Verdict.Findings[0].Text = "proved" },
		"a fault left out":              func(c *Case) { c.Record.Settlement.Faults = nil },
		"slashed for leaving":           func(c *Case) { c.Record.Settlement.Faults[0].Slashed = 1 },
		"attestations left out":         func(c *Case) { c.Attests = nil },
		"one attestation three times":   func(c *Case) { c.Attests = []assay.Key{c.Attests[0], c.Attests[0], c.Attests[0]} },
		"a repeat hidden or invented":   func(c *Case) { c.Repeat = !c.Repeat },
		"closed over fewer seats":       func(c *Case) { c.Closed.Seats-- },
		"closed over more seats":        func(c *Case) { c.Closed.Seats += 9 },
		"a check state too many":        func(c *Case) { c.Checks = append(c.Checks, CheckState{Check: "none"}) },
		"a check renamed":               func(c *Case) { c.Checks[0].Check = "quorum(2)" },
		"unavailable without challenge": func(c *Case) { c.Seats[0].State = assay.Unavailable },
		"no record":                     func(c *Case) { c.Record = nil },
		"no verdict":                    func(c *Case) { c.Verdict = nil },
		"a result missing":              func(c *Case) { c.Seats[0].Result = nil },
		"a request pending":             func(c *Case) { c.Request = &DrawRequest{} },
	}
	for name, tamper := range tampers {
		t.Run(name, func(t *testing.T) {
			h := settledCase(t)
			tamper(h.c)
			if h.c.Record != nil {
				h.c.Record.Case = h.c.Digest()
			}
			err := Replay(&h.g.Params, &h.g, h.c)
			if (err == nil) != (name == "nothing") {
				t.Fatalf("replay says %v", err)
			}
			if err != nil && assay.CodeOf(err) == assay.CodeInternal {
				t.Fatalf("replay says %v without a code", err)
			}
		})
	}
}

func last(c *Case, seat int) *Try {
	tries := c.Draws[0].Seats[seat].Tries
	return &tries[len(tries)-1]
}

// FuzzReplay feeds bytes of a case to Replay: it may refuse, never panic.
func FuzzReplay(f *testing.F) {
	h := newHarness(12, 1, assay.Dev)
	if err := h.submit("quorum(2)", 600_000, false); err != nil {
		f.Fatal(err)
	}
	for range 12 {
		h.block(1000, func() {
			for i := range h.c.Seats {
				_, _, _, _ = h.commit(i, "A"), h.tag(i, "A"), h.open(i, "A"), h.attest(0, "A")
			}
		})
	}
	if !h.c.Settled() {
		f.Fatal(h.show())
	}
	f.Add(canon.Marshal(h.c), uint16(0), byte(0))
	f.Fuzz(func(t *testing.T, b []byte, at uint16, x byte) {
		if len(b) > 0 {
			b[int(at)%len(b)] ^= x
		}
		var c Case
		if canon.Unmarshal(b, &c) == nil {
			_ = Replay(&h.g.Params, &h.g, &c)
		}
	})
}

// TestNumberIsFair draws many numbers below a total that divides no power of
// two: each third of the range is named about equally often.
func TestNumberIsFair(t *testing.T) {
	var thirds [3]int
	total := uint64(3) << 61
	for i := range 30_000 {
		n := number(assay.Beacon{}, assay.JobID{}, uint16(i%7), i, total)
		if n >= total {
			t.Fatal("number out of range")
		}
		thirds[n/(1<<61)]++
	}
	for _, n := range thirds {
		if n < 9_600 || n > 10_400 {
			t.Fatalf("thirds %v", thirds)
		}
	}
}

// TestPlan checks amounts and refusals of a plan.
func TestPlan(t *testing.T) {
	p := assay.LocalParams()
	job := testJob("all(quorum(3), quorum(2))", 1)
	plan, err := NewPlan(&p, &job, 64<<20)
	if err != nil {
		t.Fatal(err)
	}
	if plan.MaxPaid != 3 || plan.MaxTagged != 5 || plan.MaxSeats != 10 || plan.FirstSeats != 3 ||
		plan.Escrow != 3*120+18 || plan.ProtocolFee != 18 || plan.Stake != 1200 || plan.Bond != 120 ||
		plan.CommitClock != 3000+1000+10_000 || plan.PhaseTotal != plan.CommitClock+9000 {
		t.Fatalf("%+v", plan)
	}
	for policy, code := range map[string]assay.Code{
		"": "policy-empty", "quorum(": "policy-malformed", "tee(snp)": CodeNotAvailable,
		"all(quorum(2),quorum(3))": CodeNotCanonical, "all(none, quorum(2))": "policy-none-alone",
		"sample(5%, quorum(2))": "policy-can-be-silent", "quorum(3, agree=1)": "policy-unsatisfiable",
		"all(quorum(2), sample(5%, quorum(3)))": CodeNotAvailable,
	} {
		job := testJob(policy, 1)
		if _, err := NewPlan(&p, &job, 0); assay.CodeOf(err) != code {
			t.Errorf("%q: %v, want %s", policy, err, code)
		}
	}
	job.MaxPrice = 1 << 62
	if _, err := NewPlan(&p, &job, 0); assay.CodeOf(err) != assay.CodeAmountRange {
		t.Error(err)
	}
	job.MaxPrice = 1
	if _, err := NewPlan(&p, &job, 1<<41); assay.CodeOf(err) != CodeBytes {
		t.Error(err)
	}
}

// TestCodes checks that codes are documented once, with a text, and a hint where
// something was refused.
func TestCodes(t *testing.T) {
	seen := map[assay.Code]bool{}
	for _, c := range Codes() {
		if seen[c.Code] || c.Text == "" || c.Kind == assay.KindRefusal && c.Hint == "" || strings.ToLower(string(c.Code)) != string(c.Code) {
			t.Errorf("%+v", c)
		}
		seen[c.Code] = true
	}
}
