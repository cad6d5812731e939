package receipt

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/gowebpki/jcs"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// verify fails the test on an error of ours.
func verify(tb testing.TB, file []byte, a *Anchor) *Report {
	tb.Helper()
	r, err := Verify(file, a)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// say prints a report's answer in one line.
func say(r *Report) string {
	if r.Reason == nil {
		return fmt.Sprintf("%d %s", r.Exit, r.Verdict)
	}
	return fmt.Sprintf("%d %s (%s)", r.Exit, r.Reason.Code, r.Reason.Text)
}

func quorumOfThree(tb testing.TB) (*testNetwork, *File) {
	tb.Helper()
	n := newNetwork(assay.InProcess, 1, honest, honest, honest, honest, honest)
	return n, n.assemble(tb, n.settle(tb, n.job("quorum(3)")))
}

// TestQuorumOfThree is the receipt of the main job: size, words and order.
func TestQuorumOfThree(t *testing.T) {
	n, f := quorumOfThree(t)
	file := f.Bytes()
	t.Logf("%d bytes", len(file))
	if len(file) > 16<<10 {
		t.Errorf("receipt of %d bytes; at most 16 KiB", len(file))
	}
	r := verify(t, file, n.anchor(t))
	if r.Exit != ExitVerified || r.Verdict != "accepted" || r.Reason != nil {
		t.Fatalf("%s", say(r))
	}
	const oneProcess = "one process ran everything: this shows reproducibility, not independence"
	if len(r.Assumptions) == 0 || r.Assumptions[0].Code != board.CodeInProcess || r.Assumptions[0].Text != oneProcess {
		t.Errorf("the first assumption is %+v", r.Assumptions)
	}
	if !strings.HasPrefix(r.Assembler, "unauthenticated ") || !strings.Contains(r.Horizon, "cannot be revoked, nobody holds the bytes") {
		t.Errorf("assembler %q, horizon %q", r.Assembler, r.Horizon)
	}
	var text strings.Builder
	for _, l := range r.Findings {
		fmt.Fprintln(&text, l.Check, l.Outcome, l.Text)
	}
	t.Log("\n" + text.String())
	for _, want := range []string{"3 equal executions", "3 providers drawn by the beacon of height", "finalised at height", "by 1 of 1 validators", "recomputed to the coin"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no finding says %q", want)
		}
	}
	var paths []string
	for _, o := range r.Result.Outputs {
		paths = append(paths, o.Path)
	}
	if !slices.Equal(paths, []string{"out/counts.csv", "out/empty", "stderr", "stdout"}) {
		t.Errorf("outputs %v", paths)
	}
}

// TestTwoAssemblersAgree: the statement is a pure function of record, case and
// artifacts, and replacing key and signature as a pair changes no answer.
func TestTwoAssemblersAgree(t *testing.T) {
	n, f := quorumOfThree(t)
	first := verify(t, f.Bytes(), n.anchor(t))
	g := *f
	if err := g.sign(testKey("somebody else")); err != nil {
		t.Fatal(err)
	}
	a, _ := f.Statement()
	b, _ := g.Statement()
	if !bytes.Equal(a, b) {
		t.Error("two assemblers wrote different statements")
	}
	second := verify(t, g.Bytes(), n.anchor(t))
	if first.Assembler == second.Assembler {
		t.Error("the assembler was not replaced")
	}
	second.Assembler = first.Assembler
	x, _ := json.Marshal(first)
	y, _ := json.Marshal(second)
	if !bytes.Equal(x, y) || second.Exit != 0 {
		t.Errorf("the answer changed with the assembler:\n%s\n%s", x, y)
	}
	g.Assembler = f.Assembler
	if r := verify(t, g.Bytes(), n.anchor(t)); r.Exit != ExitBroken {
		t.Errorf("key without its signature: %s", say(r))
	}
}

// TestEnvelope compares our DSSE with its library and our statement with its
// own canonical form.
func TestEnvelope(t *testing.T) {
	_, f := quorumOfThree(t)
	payload, err := f.Statement()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := preAuth(payload), dsse.PAE(PayloadType, payload); !bytes.Equal(got, want) {
		t.Errorf("pre-authentication encoding differs from the library's")
	}
	if again, err := jcs.Transform(payload); err != nil || !bytes.Equal(again, payload) {
		t.Errorf("the statement is not canonical JSON: %v", err)
	}
	e, err := f.Envelope()
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(e)
	var theirs dsse.Envelope
	if err := json.Unmarshal(text, &theirs); err != nil {
		t.Fatal(err)
	}
	body, err := theirs.DecodeB64Payload()
	sig, err2 := base64.StdEncoding.DecodeString(theirs.Signatures[0].Sig)
	if err != nil || err2 != nil || !bytes.Equal(body, payload) || !ed25519.Verify(f.Assembler[:], dsse.PAE(theirs.PayloadType, body), sig) {
		t.Error("the exported envelope does not verify with the library's encoding")
	}
	var s struct {
		Type    string `json:"_type"`
		Subject []struct {
			Name   string            `json:"name"`
			Digest map[string]string `json:"digest"`
		} `json:"subject"`
		PredicateType string `json:"predicateType"`
	}
	if err := json.Unmarshal(payload, &s); err != nil || s.Type != StatementType || s.PredicateType != PredicateType || len(s.Subject) != 4 {
		t.Errorf("statement %+v: %v", s, err)
	}
}

// TestStatementOfAnyText: whatever text a job may hold, its statement can be
// written and says the same.
func TestStatementOfAnyText(t *testing.T) {
	_, f := quorumOfThree(t)
	for _, text := range []string{"", "\x00\x01\x1f\x7f", "\"\\/\b\f\n\r\t", "<&>\\u003c", "\u2028\u2029\ufeff\ufffd\uffff", "\u00e9e\u0301\U0001f600\U0010ffff"} {
		f.Case.Job.Args = []string{text}
		b, err := f.Statement()
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		var s struct {
			Predicate struct {
				Job struct{ Args []string } `json:"job"`
			} `json:"predicate"`
		}
		if err := json.Unmarshal(b, &s); err != nil || !slices.Equal(s.Predicate.Job.Args, f.Case.Job.Args) {
			t.Errorf("%q became %q: %v", text, s.Predicate.Job.Args, err)
		}
	}
}

// TestWithoutTrust: the same bytes without an anchor, and under another one.
func TestWithoutTrust(t *testing.T) {
	_, f := quorumOfThree(t)
	r := verify(t, f.Bytes(), nil)
	if r.Exit != ExitNotEstablished || r.Reason.Code != CodeNoAnchor || r.Verdict != "" || r.Findings != nil {
		t.Errorf("without an anchor: %s, verdict %q", say(r), r.Verdict)
	}
	other := newNetwork(assay.InProcess, 1, honest, honest, honest, honest, honest)
	other.g.Name = "another"
	r = verify(t, f.Bytes(), other.anchor(t))
	if r.Exit != ExitNotEstablished || r.Reason.Code != assay.CodeTxNetwork || r.Verdict != "" {
		t.Errorf("another network's anchor: %s", say(r))
	}
	// A forger's own network, whose validator signs anything: consistent, and
	// of no use to whoever holds the true anchor.
	forger := newNetwork(assay.InProcess, 1, honest, honest, honest)
	forger.g.Name = "receipts of a forger"
	forged := forger.assemble(t, forger.settle(t, forger.job("quorum(3)")))
	n, _ := quorumOfThree(t)
	if r := verify(t, forged.Bytes(), n.anchor(t)); r.Exit != ExitNotEstablished || r.Verdict != "" {
		t.Errorf("a forger's network: %s", say(r))
	}
}

// TestForeignValidators: a receipt that names the true network, with everything
// signed by a set that is not its own.
func TestForeignValidators(t *testing.T) {
	n := newNetwork(assay.Dev, 4, honest, honest, honest)
	c := n.settle(t, n.job("quorum(3)"))
	f := n.assemble(t, c)
	if r := verify(t, f.Bytes(), n.anchor(t)); r.Exit != 0 {
		t.Fatal(say(r))
	}
	evil := usurp(n)
	p := evil.parts(t, c)
	// The forger's chain has another name, since the genesis differs; name it
	// as the true network's and sign again.
	p.Inclusion = evil.includeAs(t, c.Record, n.g.ChainID())
	forged, err := Assemble(p, testKey("assembler"))
	if err != nil {
		t.Fatal(err)
	}
	if r := verify(t, forged.Bytes(), n.anchor(t)); r.Exit != ExitBroken || r.Reason.Code != CodeBrokenSignature {
		t.Errorf("%s", say(r))
	}
}

// usurp returns the network under validators of a forger's.
func usurp(n *testNetwork) *testNetwork {
	evil, g := *n, *n.g
	evil.g, evil.consensus = &g, map[assay.Key]ed25519.PrivateKey{}
	g.Validators = slices.Clone(g.Validators)
	for i := range g.Validators {
		k := testKey(fmt.Sprint("evil", i))
		g.Validators[i].Consensus, evil.consensus[assay.KeyOf(k)] = assay.KeyOf(k), k
	}
	return &evil
}

// TestBytes: cut, extended, huge, empty, and bytes of other kinds.
func TestBytes(t *testing.T) {
	n, f := quorumOfThree(t)
	file, a := f.Bytes(), n.anchor(t)
	list := map[string][]byte{
		"empty": {}, "nil": nil, "text": []byte(a.String()), "trailing": append(bytes.Clone(file), 0),
		"twice": append(bytes.Clone(file), file...), "huge": make([]byte, MaxBytes+1), "record": canon.Marshal(&f.Record),
		"nesting bomb": bytes.Repeat([]byte{0x81}, 100_000), "length bomb": {0x9a, 0xff, 0xff, 0xff, 0xff},
	}
	for i := 0; i < len(file); i += 13 {
		list[fmt.Sprint("cut at ", i)] = file[:i]
	}
	for name, b := range list {
		if r := verify(t, b, a); r.Exit != ExitNotEstablished || r.Reason.Code != CodeMalformed || r.Verdict != "" {
			t.Errorf("%s: %s", name, say(r))
		}
	}
}

// TestFlippedBytes flips bits in every byte of a receipt. None may pass, and
// none may be called anything but refused.
func TestFlippedBytes(t *testing.T) {
	n, f := quorumOfThree(t)
	file, a := f.Bytes(), n.anchor(t)
	step := 1
	if testing.Short() {
		step = 17
	}
	reasons := map[assay.Code]int{}
	for i := 0; i < len(file); i += step {
		for _, mask := range []byte{1 << (i % 8), 0x80 >> (i % 8)} {
			altered := bytes.Clone(file)
			altered[i] ^= mask
			r := verify(t, altered, a)
			if r.Exit == ExitVerified || r.Verdict != "" {
				t.Fatalf("byte %d with mask %02x: %s", i, mask, say(r))
			}
			reasons[r.Reason.Code]++
			if r := verify(t, altered, nil); r.Reason.Code == CodeNoAnchor {
				t.Fatalf("byte %d with mask %02x agrees with itself", i, mask)
			}
		}
	}
	t.Log(reasons)
}

// TestDecodeIsExact: a receipt that decodes encodes to the same bytes.
func TestDecodeIsExact(t *testing.T) {
	_, f := quorumOfThree(t)
	again, err := Decode(f.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.Bytes(), f.Bytes()) {
		t.Error("the bytes changed")
	}
}

func FuzzVerify(f *testing.F) {
	n, file := disputed(f)
	a := n.anchor(f)
	f.Add(file.Bytes())
	f.Add(file.Bytes()[:100])
	f.Add([]byte{0x8a, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Verify(b, a)
		if err != nil {
			t.Fatal(err)
		}
		if r.Exit == ExitVerified {
			again, err := Decode(b)
			if err != nil || !bytes.Equal(again.Bytes(), b) {
				t.Fatalf("accepted, and not canonical: %v", err)
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	n, f := quorumOfThree(b)
	file, a := f.Bytes(), n.anchor(b)
	b.ReportMetric(float64(len(file)), "receipt-B")
	for b.Loop() {
		if r, err := Verify(file, a); err != nil || r.Exit != 0 {
			b.Fatal("not verified")
		}
	}
}

// TestSizeInWideMarkets is the receipt of a quorum(3) job on a network of 1,000
// providers and a seven-validator set, with dissent and a replacement.
func TestSizeInWideMarkets(t *testing.T) {
	behaviours := make([]behaviour, 1000)
	for i := range behaviours {
		switch i % 10 {
		case 3:
			behaviours[i] = lying
		case 7:
			behaviours[i] = late
		}
	}
	n := newNetwork(assay.Public, 7, behaviours...)
	n.g.Params = assay.LocalParams()
	n.g.Params.FaucetLimit = 0
	n.others = 5_000
	f := n.assemble(t, n.settle(t, n.job("quorum(3)")))
	r := verify(t, f.Bytes(), n.anchor(t))
	tries := 0
	for _, d := range f.Case.Draws {
		for _, s := range d.Seats {
			tries += len(s.Tries)
		}
	}
	t.Logf("%d bytes: %d seats, %d tries, path of %d steps, %d votes; %s", len(f.Bytes()), len(f.Case.Seats), tries, len(f.Path.Steps), len(f.Commit.Votes), say(r))
	if len(f.Bytes()) > 16<<10 {
		t.Errorf("receipt of %d bytes; at most 16 KiB", len(f.Bytes()))
	}
	if r.Exit != ExitVerified {
		t.Error(say(r))
	}
}

// TestRefuted: a genuine receipt whose every candidate is proved wrong exits 1.
// No check of this version proves one wrong, so the answer is tested alone.
func TestRefuted(t *testing.T) {
	f := &File{Record: assay.Record{Verdict: assay.Verdict{Outcome: assay.Rejected, Code: board.CodeProvedWrong}}}
	r := &Report{}
	f.answer(r)
	if r.Exit != ExitBroken || r.Reason.Code != CodeRefuted {
		t.Error(say(r))
	}
}

// TestHorizon: what a receipt says about being revoked.
func TestHorizon(t *testing.T) {
	public := assay.Genesis{Kind: assay.Public, Params: assay.Params{Liability: 86_400_000}}
	for _, c := range []struct {
		want    string
		g       assay.Genesis
		runtime string
		assumes bool
	}{
		{"final at settlement; the network has ended: cannot be revoked, nobody holds the bytes", assay.Genesis{Kind: assay.InProcess, Params: public.Params}, assay.RuntimeWasm, false},
		{"final at settlement", assay.Genesis{Kind: assay.Dev}, assay.RuntimeWasm, false},
		{"final at settlement", public, "no-referee/1", false},
		{"liable until 2025-10-10T08:53:20.000Z; before then it could still be revoked", public, assay.RuntimeWasm, true},
	} {
		f := &File{Record: assay.Record{Time: 1_760_000_000_000, Verdict: assay.Verdict{Outcome: assay.Accepted, Result: &assay.Result{}}}}
		f.Case.Job.Runtime = c.runtime
		if got := f.horizon(&c.g); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
		assumes := slices.ContainsFunc(f.assumptions(&c.g), func(l Line) bool { return l.Code == AssumeNotRevoked })
		if assumes != c.assumes {
			t.Errorf("%q: assumes %v", c.want, assumes)
		}
	}
}

// TestUnpackBomb: a small file that names one large listing again and again is
// refused before it is unpacked.
func TestUnpackBomb(t *testing.T) {
	w := wire{Version: Version, Listings: []packedListing{{Path: make([]merkle.SumStep, 2_000)}}, Skips: []assay.Code{"owner-drawn"}}
	d := packedDraw{Seats: []packedSeat{{Tries: make([]packedTry, 100_000)}}}
	w.Draws = []packedDraw{d, d, d}
	if _, err := Decode(canon.Marshal(&w)); assay.CodeOf(err) != CodeMalformed || !strings.Contains(err.Error(), "unpack") {
		t.Error(err)
	}
}

// TestPackingIsUnique tries other ways to refer to the same listings.
func TestPackingIsUnique(t *testing.T) {
	_, f := quorumOfThree(t)
	for name, alter := range map[string]func(*wire){
		"unused listing": func(w *wire) { w.Listings = append(w.Listings, w.Listings[0]) },
		"unused reason":  func(w *wire) { w.Skips = append(w.Skips, "late") },
		"listing twice": func(w *wire) {
			w.Listings = append(w.Listings, w.Listings[0])
			tries := w.Draws[0].Seats[0].Tries
			tries[len(tries)-1].Listing = uint16(len(w.Listings) - 1)
		},
		"another order": func(w *wire) {
			w.Listings[0], w.Listings[1] = w.Listings[1], w.Listings[0]
			for _, s := range w.Draws[0].Seats {
				for i := range s.Tries {
					if s.Tries[i].Listing < 2 {
						s.Tries[i].Listing ^= 1
					}
				}
			}
		},
		"out of range": func(w *wire) { w.Draws[0].Seats[0].Tries[0].Listing = 9_999 },
		"draws twice":  func(w *wire) { w.Case.Draws = f.Case.Draws },
	} {
		var w wire
		if err := canon.Unmarshal(f.Bytes(), &w); err != nil {
			t.Fatal(err)
		}
		alter(&w)
		if _, err := Decode(canon.Marshal(&w)); assay.CodeOf(err) != CodeMalformed || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
