package receipt

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
)

// evidence is what package comet makes of a node's proof: of the revocation, or
// of its absence, in a state with a header at this height and time.
func (n *testNetwork) evidence(tb testing.TB, job assay.JobID, k *board.Revocation, height uint64, at assay.Time) *Evidence {
	tb.Helper()
	key, held, value := RevocationKey(job), RecordKey(job), canon.Hash("a record")
	if k != nil {
		held, value = key, k.Digest()
	}
	tree := n.state(tb, held, value)
	e := &Evidence{}
	if k != nil {
		_, proof := iavlProof(tb, tree, key)
		path := pathOf(tb, proof)
		e.Path = &path
	} else {
		proof, err := tree.GetNonMembershipProof(key)
		if err != nil {
			tb.Fatal(err)
		}
		e.Absence = absenceOf(tb, proof.GetNonexist())
	}
	h := cometHeaderAt(n.g, int64(height), tree.Hash(), time.UnixMilli(int64(at)).UTC())
	in := inclusionOf(Path{}, h, cometSet(n.g), cometCommit(n.g, h, n.consensus, 0))
	e.Header, e.Commit = in.Header, in.Commit
	return e
}

// revocations writes the file about a job, revoked by an appeal or not.
func (n *testNetwork) revocations(tb testing.TB, job assay.JobID, a *board.Appeal, height uint64, at assay.Time) *Revocations {
	tb.Helper()
	var k *board.Revocation
	if a != nil {
		k = a.Revocation
	}
	v, err := NewRevocations(n.g.ID(), job, a, n.evidence(tb, job, k, height, at))
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// wronglyAccepted is a liar's result that nobody watched.
func wronglyAccepted(tb testing.TB) (*testNetwork, *board.Case, []byte) {
	tb.Helper()
	n, c := optimistic(tb, false, lying)
	return n, c, n.assemble(tb, c).Bytes()
}

func checked(tb testing.TB, n *testNetwork, file, revocations []byte) *Report {
	tb.Helper()
	r := verify(tb, file, n.anchor(tb))
	if err := r.CheckRevocations(revocations); err != nil {
		tb.Fatal(err)
	}
	return r
}

func assumes(r *Report, code assay.Code) string {
	i := slices.IndexFunc(r.Assumptions, func(l Line) bool { return l.Code == code })
	if i < 0 {
		return ""
	}
	return r.Assumptions[i].Text
}

// TestNotRevoked: the absence is a finding, and what is assumed beyond it shrinks
// with the header's time.
func TestNotRevoked(t *testing.T) {
	n, c, file := wronglyAccepted(t)
	if r := verify(t, file, n.anchor(t)); r.Exit != 0 || !strings.Contains(assumes(r, AssumeNotRevoked), "nobody has proved it wrong since") {
		t.Errorf("without a file: %s, assumes %q", say(r), assumes(r, AssumeNotRevoked))
	}
	for _, at := range []struct {
		after assay.Millis
		words string
	}{
		{1_000, "between height "}, {3_600_000, "opened before"}, {3_600_000 + appealMost, ""},
	} {
		v := n.revocations(t, c.ID, nil, c.Record.Height+9, c.Record.Time.Add(at.after))
		r := checked(t, n, file, v.Bytes())
		last := r.Findings[len(r.Findings)-1]
		if r.Exit != ExitVerified || last.Check != "revocation" || !strings.Contains(last.Text, "not revoked as of height") {
			t.Errorf("%d ms after: %s, %+v", at.after, say(r), last)
		}
		if got := assumes(r, AssumeNotRevoked); !strings.Contains(got, at.words) || (got == "") != (at.words == "") {
			t.Errorf("%d ms after: assumes %q", at.after, got)
		}
		t.Logf("an absence takes %d bytes: %s", len(v.Bytes()), last.Text)
	}
}

// TestRevoked: a late fraud proof ends the answer, and names who revoked what.
func TestRevoked(t *testing.T) {
	n, c, file := wronglyAccepted(t)
	a := n.appeal(t, c)
	if a.Revocation == nil {
		t.Fatal("the appeal revoked nothing")
	}
	v := n.revocations(t, c.ID, a, n.at.Height+1, n.at.Time)
	r := checked(t, n, file, v.Bytes())
	if r.Exit != ExitBroken || r.Reason.Code != CodeRevoked || r.Verdict != verdictRevoked || assumes(r, AssumeNotRevoked) != "" {
		t.Fatalf("%s", say(r))
	}
	for _, want := range []string{stranger(&c.Job).key.String(), a.Result.String(), a.Revocation.Survivor.String(), "1 supporter"} {
		if !strings.Contains(r.Reason.Text, want) {
			t.Errorf("%q does not name %s", r.Reason.Text, want)
		}
	}
	t.Logf("a revocation takes %d bytes: %s", len(v.Bytes()), r.Reason.Text)
	again, err := DecodeRevocations(v.Bytes())
	if err != nil || !bytes.Equal(again.Bytes(), v.Bytes()) {
		t.Errorf("decode: %v", err)
	}
}

// TestBadRevocations: a file that shows nothing makes the answer "not
// established"; it must neither revoke nor clear a receipt.
func TestBadRevocations(t *testing.T) {
	n, c, file := wronglyAccepted(t)
	other, d, _ := wronglyAccepted(t)
	a := n.appeal(t, c)
	height, at := n.at.Height+1, n.at.Time
	genuine := func() *Revocations { return n.revocations(t, c.ID, a, height, at) }
	absent := func() *Revocations { return n.revocations(t, c.ID, nil, height, at) }
	other.g.Name = "another"
	for name, f := range map[string]struct {
		file func() []byte
		want assay.Code
	}{
		"empty":         {func() []byte { return nil }, CodeRevocations},
		"huge":          {func() []byte { return make([]byte, MaxRevocationsBytes+1) }, CodeRevocations},
		"cut":           {func() []byte { b := genuine().Bytes(); return b[:len(b)-1] }, CodeRevocations},
		"extended":      {func() []byte { return append(absent().Bytes(), 0) }, CodeRevocations},
		"a receipt":     {func() []byte { return file }, CodeRevocations},
		"another job":   {func() []byte { v := absent(); v.Job[0]++; return v.Bytes() }, CodeOtherRevocations},
		"other network": {func() []byte { return other.revocations(t, d.ID, nil, height, at).Bytes() }, CodeOtherRevocations},
		"old header":    {func() []byte { return n.revocations(t, c.ID, nil, c.Record.Height, at).Bytes() }, CodeOldRevocations},
		"both": {func() []byte {
			v := genuine()
			v.Absence = absent().Absence
			return v.Bytes()
		}, CodeRevocations},
		"neither":      {func() []byte { v := absent(); v.Absence = nil; return v.Bytes() }, CodeRevocations},
		"no path":      {func() []byte { v := genuine(); v.Path = nil; return v.Bytes() }, CodeRevocations},
		"version":      {func() []byte { v := absent(); v.Version++; return v.Bytes() }, CodeRevocations},
		"no votes":     {func() []byte { v := absent(); v.Commit.Votes = nil; return v.Bytes() }, CodeRevocations},
		"other header": {func() []byte { v := absent(); v.Header.Height++; return v.Bytes() }, CodeRevocations},
		"other state":  {func() []byte { v := absent(); v.Header.App[0]++; return v.Bytes() }, CodeRevocations},
		"hidden": { // absence claimed of a state that holds the key
			func() []byte {
				v := genuine()
				v.Absence, v.Appeal, v.Path, v.Witnesses = absent().Absence, nil, nil, nil
				return v.Bytes()
			}, CodeRevocations},
		"forged validators": {func() []byte {
			v := usurp(n).revocations(t, c.ID, nil, height, at)
			v.Network = n.g.ID()
			return v.Bytes()
		}, CodeRevocations},
		"unrevoked":  {func() []byte { v := genuine(); b := *v.Appeal; b.Revocation = nil; v.Appeal = &b; return v.Bytes() }, CodeRevocations},
		"no witness": {func() []byte { v := genuine(); v.Witnesses = nil; return v.Bytes() }, CodeRevocations},
	} {
		r := checked(t, n, file, f.file())
		if r.Exit != ExitNotEstablished || r.Reason == nil || r.Reason.Code != f.want || r.Reason.Hint == "" {
			t.Errorf("%s: %s, want %s", name, say(r), f.want)
		}
	}
}

// TestRevocationsAreRecomputed: validators sign for a revocation that does not
// follow from its appeal.
func TestRevocationsAreRecomputed(t *testing.T) {
	n, c, file := wronglyAccepted(t)
	genuine := n.appeal(t, c)
	for name, change := range map[string]func(a *board.Appeal, k *board.Revocation){
		"genuine":        func(*board.Appeal, *board.Revocation) {},
		"slashed more":   func(_ *board.Appeal, k *board.Revocation) { k.Slashed++ },
		"another result": func(_ *board.Appeal, k *board.Revocation) { k.Result[0]++ },
		"survivor":       func(_ *board.Appeal, k *board.Revocation) { k.Survivor[0]++ },
		"record":         func(a *board.Appeal, k *board.Revocation) { a.Record[0]++; k.Record[0]++ },
		"height":         func(_ *board.Appeal, k *board.Revocation) { k.Height = c.Record.Height },
		"no fault":       func(_ *board.Appeal, k *board.Revocation) { k.Faults = nil },
		"proof":          func(a *board.Appeal, _ *board.Revocation) { a.Dispute.Game.Proofs[0].End[0]++ },
		"loss": func(a *board.Appeal, _ *board.Revocation) {
			for i := range a.Dispute.Game.Claims {
				if l := a.Dispute.Game.Claims[i].Lost; l != nil {
					l.Stated = l.Proved
				}
			}
		},
	} {
		var a board.Appeal
		if err := canon.Unmarshal(canon.Marshal(genuine), &a); err != nil {
			t.Fatal(err)
		}
		change(&a, a.Revocation)
		v := n.revocations(t, c.ID, &a, n.at.Height+1, n.at.Time)
		r := checked(t, n, file, v.Bytes())
		if name == "genuine" != (r.Reason != nil && r.Reason.Code == CodeRevoked) {
			t.Errorf("%s: %s", name, say(r))
		}
	}
}

// TestFlippedRevocations flips bits in every byte of both kinds of file: none may
// pass as what it was.
func TestFlippedRevocations(t *testing.T) {
	n, c, file := wronglyAccepted(t)
	a := n.appeal(t, c)
	for kind, v := range map[string]*Revocations{
		"absence":    n.revocations(t, c.ID, nil, n.at.Height+1, n.at.Time),
		"revocation": n.revocations(t, c.ID, a, n.at.Height+1, n.at.Time),
	} {
		b := v.Bytes()
		step := 3
		if testing.Short() {
			step = 29
		}
		for i := 0; i < len(b); i += step {
			altered := bytes.Clone(b)
			altered[i] ^= 1 << (i % 8)
			if r := checked(t, n, file, altered); r.Exit != ExitNotEstablished {
				t.Fatalf("%s, byte %d: %s", kind, i, say(r))
			}
		}
	}
}

func FuzzRevocations(f *testing.F) {
	n, c, file := wronglyAccepted(f)
	a := n.appeal(f, c)
	f.Add(n.revocations(f, c.ID, nil, n.at.Height+1, n.at.Time).Bytes())
	f.Add(n.revocations(f, c.ID, a, n.at.Height+1, n.at.Time).Bytes())
	verified := verify(f, file, n.anchor(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := *verified
		r.Findings, r.Assumptions = slices.Clone(r.Findings), slices.Clone(r.Assumptions)
		if err := r.CheckRevocations(b); err != nil {
			t.Fatal(err)
		}
		if v, err := DecodeRevocations(b); r.Exit != ExitNotEstablished && (err != nil || !bytes.Equal(v.Bytes(), b)) {
			t.Fatalf("%s, and not canonical: %v", say(&r), err)
		}
	})
}
