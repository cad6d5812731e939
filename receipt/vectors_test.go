package receipt

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
)

var update = flag.Bool("update", false, "write testdata/vectors again")

// vector is one golden receipt with the anchor that it is read under and the
// answer. Second says what the verifier in receipttest answers; it checks less.
type vector struct {
	name   string
	file   []byte
	anchor string
	answer string
	second string
}

const vectorDir = "testdata/vectors"

// vectors makes every golden receipt from fixed keys: the same bytes each time.
func vectors(tb testing.TB) []vector {
	tb.Helper()
	var list []vector
	add := func(name string, file []byte, n *testNetwork, answer, second string) {
		list = append(list, vector{name, file, n.anchor(tb).String(), answer, second})
	}
	genuine := func(name, policy, answer, second string, n *testNetwork) *File {
		f := n.assemble(tb, n.settle(tb, n.job(policy)))
		add(name, f.Bytes(), n, answer, second)
		return f
	}
	five := newNetwork(assay.InProcess, 1, honest, honest, honest, honest, honest)
	agreement := genuine("agreement", "quorum(3)", "0 accepted", "accepted", five)
	many := newNetwork(assay.Dev, 4, honest, honest, honest)
	genuine("four-validators", "quorum(3)", "0 accepted", "accepted", many)
	genuine("dissent", "quorum(3)", "0 accepted", "accepted", newNetwork(assay.Dev, 1, lying, honest, late, honest, honest, untagged, honest))
	genuine("silent", "quorum(2)", "0 accepted", "accepted", newNetwork(assay.Dev, 1, unopened, honest, honest, unopened, honest))
	genuine("contradicting", "quorum(2)", "0 accepted", "accepted", newNetwork(assay.Dev, 1, honest, contradicting, honest, contradicting, honest, honest))
	genuine("nobody-honest", "quorum(2)", "0 accepted", "accepted", newNetwork(assay.Dev, 1, lying, lying))
	split := newNetwork(assay.Dev, 1, lying, honest, lying, colluding, colluding)
	fought := genuine("dispute", "quorum(5)", "0 accepted", "accepted", split)
	alone := newNetwork(assay.Dev, 1, honest)
	genuine("optimistic", "optimistic(3s)", "0 accepted", "accepted", alone)
	watched := newNetwork(assay.Dev, 1, lying, lying, honest)
	watched.watched = true
	genuine("challenged", "optimistic(3s)", "0 accepted", "accepted", watched)
	caught := newNetwork(assay.Dev, 1, lying)
	caught.watched = true
	genuine("refuted", "optimistic(3s)", "1 refuted", "refuted", caught)
	genuine("too-few-providers", "quorum(3)", "2 undecided", "undecided", newNetwork(assay.Dev, 1, honest, honest))
	genuine("unverified", "none", "2 unverified", "accepted", newNetwork(assay.Dev, 1, lying))
	genuine("combined", "atleast(1, quorum(2), quorum(3))", "0 accepted", "accepted", newNetwork(assay.Dev, 1, honest, honest, honest))
	withheld := newNetwork(assay.Dev, 1, honest, honest, honest)
	withheld.silent = true
	genuine("unavailable", "quorum(3)", "0 accepted", "accepted", withheld)
	for _, v := range forgeries(&forger{tb, five, agreement}) {
		add(v.name, v.file, five, v.answer, v.second)
	}
	for _, v := range disputeForgeries(&forger{tb, split, fought}) {
		add(v.name, v.file, split, v.answer, v.second)
	}
	add("other-network", agreement.Bytes(), many, "2 other-network", "refused")
	return list
}

// forger alters a receipt as its bearer, its assembler or its validators could.
type forger struct {
	tb testing.TB
	n  *testNetwork
	f  *File
}

// altered signs again what an assembler can sign.
func (x *forger) altered(change func(*File)) []byte {
	x.tb.Helper()
	g, err := Decode(x.f.Bytes())
	if err != nil {
		x.tb.Fatal(err)
	}
	change(g)
	if err := g.sign(testKey("a forger")); err != nil {
		x.tb.Fatal(err)
	}
	return g.Bytes()
}

// conspired has the validators' help: everything above the case is signed again.
func (x *forger) conspired(change func(c *board.Case)) []byte {
	x.tb.Helper()
	return x.altered(func(g *File) {
		c := g.settled()
		change(c)
		c.Record.Case = c.Digest()
		in := x.n.include(x.tb, c.Record)
		g.Record, g.Case = *c.Record, *c
		g.Case.Record, g.Case.Verdict = nil, nil
		g.Path, g.Header, g.Commit = in.Path, in.Header, in.Commit
	})
}

// disputeForgeries alter what a receipt says of a dispute.
func disputeForgeries(x *forger) []vector {
	var list []vector
	add := func(name string, b []byte, answer, second string) {
		list = append(list, vector{name: name, file: b, answer: answer, second: second})
	}
	altered, conspired := x.altered, x.conspired
	add("witness-flipped", altered(func(g *File) { g.Witnesses[0][40] ^= 1 }), "1 broken-hash", "refused")
	add("witness-missing", altered(func(g *File) { g.Witnesses = g.Witnesses[1:] }), "1 broken-hash", "accepted")
	add("witness-unasked", altered(func(g *File) { g.Witnesses = append(g.Witnesses, []byte("more")) }), "1 broken-hash", "refused")
	add("game-altered", altered(func(g *File) { g.Case.Disputes[0].Game.Proofs[0].End[3] ^= 1 }), "1 broken-hash", "refused")
	add("signed-proof", conspired(func(c *board.Case) { c.Disputes[0].Game.Proofs[0].End[3] ^= 1 }), "1 broken-proof", "accepted")
	add("signed-state-0", conspired(func(c *board.Case) { c.Disputes[0].Game.Start[3] ^= 1 }), "1 broken-rule", "accepted")
	add("signed-bounty", conspired(func(c *board.Case) { c.Record.Settlement.Claims[0].Bounty++ }), "1 broken-rule", "accepted")
	return list
}

func forgeries(x *forger) []vector {
	var list []vector
	add := func(name string, b []byte, answer, second string) {
		list = append(list, vector{name: name, file: b, answer: answer, second: second})
	}
	tb, n, f, altered, conspired := x.tb, x.n, x.f, x.altered, x.conspired
	file := f.Bytes()
	add("cut", file[:len(file)-1], "2 malformed", "refused")
	add("trailing", append(bytes.Clone(file), 0), "2 malformed", "refused")
	add("long-integer", bytes.Replace(file, []byte{0x8e, 0x01}, []byte{0x8e, 0x18, 0x01}, 1), "2 malformed", "accepted")
	key := bytes.Clone(file)
	key[len(key)-67]++
	add("assembler-key-alone", key, "1 broken-signature", "accepted")
	add("another-assembler", altered(func(*File) {}), "0 accepted", "accepted")
	add("vote-flipped", altered(func(g *File) { g.Commit.Votes[0].Signature[3] ^= 4 }), "1 broken-signature", "refused")
	add("vote-plus-order", altered(func(g *File) { addOrder(&g.Commit.Votes[0].Signature) }), "1 broken-signature", "refused")
	add("vote-twice", altered(func(g *File) { g.Commit.Votes = append(g.Commit.Votes, g.Commit.Votes[0]) }), "1 broken-signature", "accepted")
	add("no-votes", altered(func(g *File) { g.Commit.Votes = nil }), "1 broken-signature", "refused")
	add("another-validator", altered(func(g *File) {
		in := usurp(n).includeAs(tb, &g.Record, n.g.ChainID())
		g.Path, g.Header, g.Validators, g.Commit = in.Path, in.Header, in.Validators, in.Commit
	}), "1 broken-signature", "refused")
	add("payment-raised", altered(func(g *File) { g.Record.Settlement.Payments[0].Amount++ }), "1 broken-proof", "refused")
	add("job-altered", altered(func(g *File) { g.Case.Job.Seed++ }), "1 broken-hash", "refused")
	add("program-size", altered(func(g *File) { g.Artifacts.Program.Size++ }), "1 broken-hash", "refused")
	add("output-unlisted", altered(func(g *File) { g.Artifacts.Output, g.Artifacts.Out = nil, nil }), "1 broken-hash", "accepted")
	add("signed-payment-raised", conspired(func(c *board.Case) { c.Record.Settlement.Payments[0].Amount++; c.Record.Settlement.Paid++ }), "1 broken-rule", "accepted")
	add("signed-verdict", conspired(func(c *board.Case) {
		r := *c.Record.Verdict.Result
		r.Fuel++
		c.Record.Verdict.Result = &r
	}), "1 broken-rule", "refused")
	add("signed-draw", conspired(func(c *board.Case) { c.Draws[0].Seats[0].Tries = c.Draws[0].Seats[0].Tries[:0] }), "1 broken-rule", "accepted")
	add("signed-beacon", conspired(func(c *board.Case) { c.Draws[0].Beacon.Value = canon.Hash("chosen") }), "1 broken-proof", "accepted")
	add("signed-seat", conspired(func(c *board.Case) { c.Seats[1].Salt[0]++ }), "1 broken-rule", "refused")
	return list
}

// TestVectors holds the verifier to the golden receipts, and the code to making
// the same bytes again. Run with -update when the format's version moves.
func TestVectors(t *testing.T) {
	list := vectors(t)
	if *update {
		writeVectors(t, list)
	}
	index, err := os.ReadFile(filepath.Join(vectorDir, "index"))
	if err != nil {
		t.Fatal(err)
	}
	if string(index) != indexOf(list) {
		t.Errorf("the index is not that of these vectors")
	}
	for _, v := range list {
		file, err := os.ReadFile(filepath.Join(vectorDir, v.name+".receipt"))
		anchor, err2 := os.ReadFile(filepath.Join(vectorDir, v.name+".anchor"))
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		if !bytes.Equal(file, v.file) || string(anchor) != v.anchor {
			t.Errorf("%s: the code writes other bytes than the golden file", v.name)
		}
		a, err := ParseAnchor(anchor)
		if err != nil {
			t.Fatal(err)
		}
		r := verify(t, file, a)
		answer := fmt.Sprint(r.Exit, " ", r.Verdict)
		if r.Reason != nil {
			answer = fmt.Sprint(r.Exit, " ", r.Reason.Code)
		}
		if answer != v.answer {
			t.Errorf("%s: %s, want %s", v.name, say(r), v.answer)
		}
		if r.Reason != nil && (r.Reason.Text == "" || r.Reason.Hint == "") {
			t.Errorf("%s: the reason %s lacks text or hint", v.name, r.Reason.Code)
		}
		t.Logf("%-22s %6d bytes  %s", v.name, len(file), say(r))
	}
}

// revocationVectors are golden files of revocations, read beside the receipt of
// the same name.
func revocationVectors(tb testing.TB) (n *testNetwork, file []byte, list []vector) {
	tb.Helper()
	n, c, file := wronglyAccepted(tb)
	a := n.appeal(tb, c)
	add := func(name string, b []byte, answer string) {
		list = append(list, vector{name: name, file: b, answer: answer})
	}
	absence := n.revocations(tb, c.ID, nil, c.Record.Height+1, c.Record.Time.Add(1_000))
	revoked := n.revocations(tb, c.ID, a, n.at.Height+1, n.at.Time)
	add("standing", absence.Bytes(), "0 accepted")
	add("revoked", revoked.Bytes(), "1 result-revoked")
	hidden := *revoked
	hidden.Appeal, hidden.Path, hidden.Witnesses, hidden.Absence = nil, nil, nil, absence.Absence
	add("hidden", hidden.Bytes(), "2 bad-revocations")
	add("old", n.revocations(tb, c.ID, nil, c.Record.Height, c.Record.Time).Bytes(), "2 old-revocations")
	return n, file, list
}

// TestRevocationVectors is TestVectors for files of revocations.
func TestRevocationVectors(t *testing.T) {
	const dir = "testdata/revocations"
	n, file, list := revocationVectors(t)
	if *update {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, v := range append(list, vector{name: "receipt", file: file}, vector{name: "anchor", file: []byte(n.anchor(t).String())}) {
			if err := os.WriteFile(filepath.Join(dir, v.name), v.file, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	golden := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if !bytes.Equal(golden("receipt"), file) {
		t.Error("the code writes another receipt")
	}
	a, err := ParseAnchor(golden("anchor"))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range list {
		b := golden(v.name)
		if !bytes.Equal(b, v.file) {
			t.Errorf("%s: the code writes other bytes than the golden file", v.name)
		}
		r := verify(t, file, a)
		if err := r.CheckRevocations(b); err != nil {
			t.Fatal(err)
		}
		answer := fmt.Sprint(r.Exit, " ", r.Verdict)
		if r.Reason != nil {
			answer = fmt.Sprint(r.Exit, " ", r.Reason.Code)
		}
		if answer != v.answer {
			t.Errorf("%s: %s, want %s", v.name, say(r), v.answer)
		}
		t.Logf("%-12s %6d bytes  %.80s", v.name, len(b), say(r))
	}
}

func indexOf(list []vector) string {
	var b strings.Builder
	b.WriteString("# name\texit and answer\tanswer of receipttest\n")
	for _, v := range list {
		fmt.Fprintf(&b, "%s\t%s\t%s\n", v.name, v.answer, v.second)
	}
	return b.String()
}

func writeVectors(t *testing.T, list []vector) {
	t.Helper()
	if err := os.RemoveAll(vectorDir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(vectorDir, 0o755); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"index": []byte(indexOf(list))}
	for _, v := range list {
		files[v.name+".receipt"], files[v.name+".anchor"] = v.file, []byte(v.anchor)
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(vectorDir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
