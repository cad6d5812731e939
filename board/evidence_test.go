package board

import (
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/evidence"
	"github.com/capacloud/assay/evidence/toy"
)

// provedCase plays a stored proof: a forger, and an honest provider behind him whose
// proof is padded: it may come in two parts.
func provedCase(t testing.TB, pad int) *harness {
	t.Helper()
	h := newHarness(12, 4, assay.Dev)
	if err := h.submit("zk(sp1, bind=commit)", 600_000, false); err != nil {
		t.Fatal(err)
	}
	large := func() error {
		e := h.proof(1, "A")
		e.Pad = make([]byte, pad)
		return h.post(1, e, 99, toyGas)
	}
	forged := func() error {
		e := h.proof(0, "B")
		e.Seal[0]++
		c := toy.Commitment(h.c.ID, e.Payee, e.Seal)
		_ = h.post(0, &toy.Evidence{Seat: 0, Commitment: c}, 1, toyGas)
		return h.post(0, e, 99, toyGas)
	}
	for range 40 {
		if h.c.Settled() {
			return h
		}
		h.block(1000, func() {
			for i, label := range []string{"B", "A"} {
				_, _, _ = h.commit(i, label), h.tag(i, label), h.open(i, label)
			}
			_, _, _ = forged(), h.promise(1, "A"), large()
			for v := range 3 {
				_ = h.attest(v, "A")
			}
		})
	}
	t.Fatal(h.show())
	return nil
}

// TestReplayRefusesEvidence changes one thing about the evidence of a settled case
// at a time, and writes the hash of the board anew.
func TestReplayRefusesEvidence(t *testing.T) {
	for name, tamper := range map[string]func(*Case){
		"nothing":                      func(*Case) {},
		"a proof left out":             func(c *Case) { c.Shown = c.Shown[:len(c.Shown)-1] },
		"a proof without its bytes":    func(c *Case) { c.Shown[3].Bytes = nil },
		"a bit of a proof":             func(c *Case) { c.Shown[3].Bytes[0][100] ^= 1 },
		"a proof cut elsewhere":        func(c *Case) { recut(&c.Shown[3]) },
		"another digest":               func(c *Case) { c.Shown[3].Digest[0]++ },
		"another size":                 func(c *Case) { c.Shown[3].Size++ },
		"fewer parts":                  func(c *Case) { c.Shown[3].Parts-- },
		"another seat":                 func(c *Case) { c.Shown[3].Seat = 0 },
		"no such seat":                 func(c *Case) { c.Shown[3].Seat = 9 },
		"another check":                func(c *Case) { c.Shown[3].Check = "zk(sp1)" },
		"before the opening":           func(c *Case) { c.Shown[3].At.Clock = 1 },
		"behind the closing":           func(c *Case) { c.Shown[3].At.Height += 100 },
		"before the commitment":        func(c *Case) { c.Shown[3].At.Height = c.Shown[2].At.Height },
		"a commitment without beacon":  func(c *Case) { c.Shown[2].After, c.Shown[2].Beacon = 0, assay.Beacon{} },
		"a beacon of the same block":   func(c *Case) { c.Shown[2].After = c.Shown[2].At.Height },
		"a beacon for a proof":         func(c *Case) { c.Shown[3].After = c.Shown[3].At.Height + 1 },
		"a commitment that awaits not": func(c *Case) { c.Shown[2].Await = false },
		"a proof set aside":            func(c *Case) { c.Shown[3].Code = CodeSpent },
		"set aside without bytes":      func(c *Case) { c.Shown[3].Code, c.Shown[3].Bytes = CodeSpent, nil },
		"set aside for nothing":        func(c *Case) { c.Shown[3].Code = "other" },
		"the forgery left out":         func(c *Case) { c.Shown = c.Shown[2:] },
		"a forgery made valid":         func(c *Case) { acquit(c, 0) },
		"a proof made false":           func(c *Case) { convict(c, 1) },
		"a state that is none":         func(c *Case) { c.Checks[0].State = []byte{1, 2} },
		"no key":                       func(c *Case) { c.Keys = nil },
		"another key":                  func(c *Case) { c.Keys[0].Digest[0]++ },
		"a key twice":                  func(c *Case) { c.Keys = append(c.Keys, c.Keys[0]) },
		"a key of no origin":           func(c *Case) { c.Keys[0].Setup = 9 },
		"a key withdrawn":              func(c *Case) { c.Keys[0].Killed = true },
	} {
		t.Run(name, func(t *testing.T) {
			h := provedCase(t, assay.EvidencePart)
			if v := h.c.Verdict; v.Outcome != assay.Accepted || len(h.c.Shown) != 4 {
				t.Fatalf("%d pieces\n%s", len(h.c.Shown), h.show())
			}
			tamper(h.c)
			h.c.Record.Case = h.c.Digest()
			err := Replay(&h.g.Params, &h.g, h.c)
			if (err == nil) != (name == "nothing") || err != nil && assay.CodeOf(err) == assay.CodeInternal {
				t.Fatalf("replay says %v", err)
			}
		})
	}
}

func recut(s *Shown) {
	whole, _ := s.whole()
	s.Bytes = [][]byte{whole[:10], whole[10:]}
}

// acquit and convict change what a check has absorbed about a seat.
func acquit(c *Case, seat uint16)  { judge(c, seat, "") }
func convict(c *Case, seat uint16) { judge(c, seat, "the seal is broken") }

func judge(c *Case, seat uint16, wrong string) {
	st, err := evidence.Read(c.Checks[0].State)
	if err != nil {
		panic(err)
	}
	for i := range st.Seats {
		if p := st.Seats[i].Proof; st.Seats[i].Number == seat && p != nil {
			p.False = wrong
		}
	}
	c.Checks[0].State = st.Bytes()
}

// TestRehearse: a rehearsal says what the ledger would say, and changes nothing.
func TestRehearse(t *testing.T) {
	h := newHarness(12, 4, assay.Dev)
	if err := h.submit("zk(sp1, bind=commit)", 600_000, false); err != nil {
		t.Fatal(err)
	}
	h.block(1000, nil)
	before := canon.Marshal(h.c)
	e := h.proof(0, "A")
	first := toy.Evidence{Commitment: toy.Commitment(h.c.ID, e.Payee, e.Seal)}
	forged := *e
	forged.Seal[0]++
	forgedFirst := toy.Evidence{Commitment: toy.Commitment(h.c.ID, e.Payee, forged.Seal)}
	const check = "zk(sp1, bind=commit)"
	for name, c := range map[string]struct {
		seat       uint16
		check      string
		label      string
		commitment []byte
		body       []byte
		code       assay.Code
	}{
		"valid":                    {0, check, "A", first.Bytes(), e.Bytes(), ""},
		"forged":                   {0, check, "A", forgedFirst.Bytes(), forged.Bytes(), CodeNoStatement},
		"of another result":        {0, check, "B", first.Bytes(), e.Bytes(), CodeNoStatement},
		"without commitment":       {0, check, "A", nil, e.Bytes(), toy.CodeProof},
		"a commitment alone":       {0, check, "A", first.Bytes(), nil, CodeNoStatement},
		"for another check":        {0, "zk(sp1)", "A", first.Bytes(), e.Bytes(), CodeNoCheck},
		"for no seat":              {7, check, "A", first.Bytes(), e.Bytes(), CodeNoCheck},
		"larger than is taken":     {0, check, "A", first.Bytes(), make([]byte, 5<<20), CodeEvidenceSize},
		"more gas than is offered": {0, check, "A", first.Bytes(), make([]byte, 4<<20), CodeEvidenceGas},
	} {
		t.Run(name, func(t *testing.T) {
			p := h.g.Params
			if c.code == CodeEvidenceGas {
				p.BlockGas = 1_000_000
			}
			err := h.c.Rehearse(&p, c.seat, c.check, resultOf(c.label), c.commitment, c.body)
			if (err == nil) != (c.code == "") || err != nil && assay.CodeOf(err) != c.code {
				t.Errorf("%v, want %q", err, c.code)
			}
		})
	}
	if string(canon.Marshal(h.c)) != string(before) {
		t.Error("the rehearsal has changed the case")
	}
}

// FuzzReplayEvidence feeds bytes of a proved case to Replay: it may refuse, never
// panic.
func FuzzReplayEvidence(f *testing.F) {
	h := provedCase(f, 10)
	f.Add(canon.Marshal(h.c), uint32(0), byte(0))
	f.Fuzz(func(t *testing.T, b []byte, at uint32, x byte) {
		if len(b) > 0 {
			b[int(at)%len(b)] ^= x
		}
		var c Case
		if canon.Unmarshal(b, &c) == nil {
			_ = Replay(&h.g.Params, &h.g, &c)
		}
	})
}
