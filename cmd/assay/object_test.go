package main

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The object of `run --json` as the contract has it, written down apart from
// the code that prints it: a field that goes or comes is noticed here.
type runObject struct {
	Job     string
	Verdict string
	Policy  string
	Result  *struct {
		Status     string
		ExitCode   *uint32 `json:"exit_code"`
		Trap       string
		Fuel       uint64
		OutputRoot string `json:"output_root"`
		StateRoot  string `json:"state_root"`
		Outputs    []struct {
			Path   string
			Bytes  uint64
			Digest string
		}
	}
	Findings    []struct{ Check, Outcome, Text string }
	Assumptions []struct{ Code, Text string }
	Settlement  *struct {
		Escrow, Paid, Refunded, Fees uint64
		TxFees                       uint64 `json:"tx_fees"`
		Slashed, Burned              uint64
	}
	Faults []struct {
		Provider, Class  string
		Slashed, Penalty uint64
		Text             string
	}
	Disputes []struct {
		ID           string
		Rounds       int
		BytesPosted  uint64 `json:"bytes_posted"`
		WitnessBytes uint64 `json:"witness_bytes"`
		SegmentSteps uint64 `json:"segment_steps"`
		Step         uint64
		Instruction  string
		Losers       []struct {
			Claim        *uint16
			Author       string
			Result, Code string
			Step         *uint64
			SegmentSteps uint64 `json:"segment_steps"`
			Instruction  string
			Stated       string `json:"stated_root"`
			Proved       string `json:"proved_root"`
		}
		Ms int64
	}
	Receipt string
	Anchor  string
	Timings map[string]int64 `json:"timings_ms"`
	Error   *struct{ Code, Text, Hint string }
}

// verifyObject is that of `verify --json`.
type verifyObject struct {
	Verdict, Anchor      string
	Network, Job, Policy string
	Horizon, Assembler   string
	Result               json.RawMessage
	Findings             []struct{ Check, Outcome, Text string }
	Assumptions          []struct{ Code, Text string }
	Reason               *struct{ Code, Text, Hint string }
}

// strict decodes exactly one object and nothing else.
func strict(t *testing.T, text string, v any) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if dec.More() {
		t.Fatalf("more than one object:\n%s", text)
	}
}

func TestObjects(t *testing.T) {
	h := newHome(t)
	sieve := filepath.Join(repositoryRoot(t), "examples/c/sieve")

	var v runObject
	strict(t, h.ok(t, 0, "run", "--json", sieve, "--out", "out", "--receipt", "r", "--", "1000").out.String(), &v)
	if v.Verdict != "accepted" || v.Policy != "quorum(3)" || v.Error != nil || len(v.Findings) == 0 || len(v.Assumptions) == 0 ||
		v.Receipt != "r" || v.Anchor != "r.anchor" || v.Timings["total"] == 0 {
		t.Errorf("%+v", v)
	}
	if r := v.Result; r == nil || r.Status != "exited" || r.ExitCode == nil || *r.ExitCode != 0 || r.Fuel == 0 || len(r.Outputs) != 2 {
		t.Errorf("%+v", v.Result)
	}
	balanced(t, &v)

	var seen verifyObject
	strict(t, h.ok(t, 0, "verify", "--json", "r", "--trust", "r.anchor", "--out", "out").out.String(), &seen)
	if seen.Verdict != "accepted" || seen.Anchor == "" || seen.Reason != nil || seen.Job != v.Job {
		t.Errorf("%+v", seen)
	}
	seen = verifyObject{}
	strict(t, h.ok(t, 2, "verify", "--json", "r").out.String(), &seen)
	if seen.Verdict != "" || seen.Reason == nil || seen.Reason.Code != "no-anchor" {
		t.Errorf("%+v", seen)
	}

	v = runObject{}
	strict(t, h.ok(t, 10, "run", "--json", writeModule(t, h.dir, "trap")).out.String(), &v)
	if v.Result == nil || v.Result.Status != "trapped" || v.Result.Trap != "unreachable" {
		t.Errorf("%+v", v.Result)
	}
	balanced(t, &v)

	v = runObject{}
	strict(t, h.ok(t, 3, "run", "--json", sieve, "--providers", "2", "--", "10").out.String(), &v)
	if v.Verdict != "undecided" || v.Result != nil || v.Job == "" || v.Error == nil || v.Error.Code == "" || v.Error.Hint == "" || v.Settlement.Slashed != 0 || len(v.Disputes) != 0 {
		t.Errorf("%+v", v)
	}
	balanced(t, &v)

	v = runObject{}
	strict(t, h.ok(t, 1, "run", "--json", sieve, "--providers", "3", "--lie", "3", "--", "10").out.String(), &v)
	if v.Verdict != "refuted" || v.Result != nil || v.Error == nil || v.Error.Code != "refuted" || v.Settlement.Slashed == 0 || len(v.Disputes) != 1 {
		t.Fatalf("%+v", v)
	}
	balanced(t, &v)
	d := v.Disputes[0]
	if d.ID != v.Job+"/0" || d.Rounds < 2 || d.BytesPosted == 0 || d.WitnessBytes == 0 || d.SegmentSteps != 1 || d.Instruction == "" || d.Ms == 0 || len(d.Losers) != 3 {
		t.Errorf("%+v", d)
	}
	for _, l := range d.Losers {
		if l.Claim == nil || l.Step == nil || l.Code != "refuted-by-proof" || l.Instruction == "" || l.Stated == l.Proved {
			t.Errorf("%+v", l)
		}
	}

	v = runObject{}
	strict(t, h.ok(t, 2, "run", "--json", sieve, "--policy", "").out.String(), &v)
	if v.Error == nil || v.Job != "" || v.Verdict != "" || v.Settlement != nil {
		t.Errorf("%+v", v)
	}
}

func balanced(t *testing.T, v *runObject) {
	t.Helper()
	if s := v.Settlement; s == nil || s.Escrow != s.Paid+s.Refunded+s.Fees {
		t.Errorf("escrow is not paid + refunded + fees: %+v", s)
	}
}

// BenchmarkVerify is a whole process: start, read, check, print, end.
func BenchmarkVerify(b *testing.B) {
	dir := b.TempDir()
	sieve, err := filepath.Abs("../../examples/c/sieve")
	if err != nil {
		b.Fatal(err)
	}
	assay := func(args ...string) {
		cmd := exec.CommandContext(b.Context(), "assay", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
	}
	assay("run", sieve, "--", "1000")
	for b.Loop() {
		assay("verify", "sieve.receipt", "--trust", "sieve.receipt.anchor")
	}
}

// TestCheaters draws among cheaters of every kind. Whatever the beacon draws, no
// wrong result is accepted and only who was proved wrong is slashed; the right
// one is accepted, or the job ends undecided and the escrow comes back less fees.
func TestCheaters(t *testing.T) {
	needProcesses(t)
	t.Parallel()
	for range cheaterRuns {
		t.Run("run", func(t *testing.T) {
			t.Parallel()
			h := newHome(t)
			p := h.start(t, "run", filepath.Join(repositoryRoot(t), "examples/c/sieve"), "--json", "--out", "out", "--fuel", "100000000",
				"--providers", "9", "--lie", "2", "--copy", "1", "--lazy", "1", "--withhold", "1", "--", "1000")
			code := p.exit()
			var v runObject
			strict(t, p.out.String(), &v)
			balanced(t, &v)
			switch {
			case code == exitOK && v.Verdict == "accepted" && v.Result.OutputRoot == sieveRoot:
			case code == exitUndecided && v.Verdict == "undecided" && v.Settlement.Paid == 0:
			default:
				t.Errorf("exit %d, %s", code, p.out.String())
			}
			for _, f := range v.Faults {
				if (f.Slashed > 0) != (f.Class == "proved_wrong") {
					t.Errorf("slashed: %+v", f)
				}
			}
			t.Logf("%s after %d ms", v.Verdict, v.Timings["total"])
		})
	}
}

// cheaterRuns is how often the beacon draws.
const cheaterRuns = 4

// sieveRoot is the output of `sieve 1000`.
const sieveRoot = "sha256:352e39a8143de61956f4cdb919c7e4be420f70e04b4e7f0dc5b449c41a378878"
