package evidence

import (
	"bytes"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

func digest(name string) assay.Digest { return canon.Hash("test", []byte(name)) }

// view has executors that opened results at clock 1,000; "" has not opened.
func view(now assay.Clock, results ...string) assay.View {
	v := assay.View{Clock: now, Height: uint64(now), ProofClock: 100}
	known := map[string]bool{}
	for i, r := range results {
		x := assay.Execution{Seat: uint16(i), Role: assay.RoleExecutor, State: assay.Tagged}
		if r != "" {
			x.State, x.Result, x.Shown = assay.Opened, digest(r), 1000
			if !known[r] {
				known[r] = true
				v.Candidates = append(v.Candidates, assay.Candidate{Digest: digest(r)})
			}
		}
		v.Executions = append(v.Executions, x)
	}
	return v
}

// TestOncePerSeat: one commitment and one proof of each seat, of what it has opened.
func TestOncePerSeat(t *testing.T) {
	v := view(1010, "A", "")
	var s State
	if err := s.Commit(v, 0, digest("c")); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		string(CodeRepeated): s.Commit(v, 0, digest("d")),
		string(CodeSeat):     s.Commit(v, 1, digest("c")),
	} {
		if string(assay.CodeOf(err)) != name {
			t.Errorf("%v, want %s", err, name)
		}
	}
	if err := s.Show(v, Proof{Seat: 0, Candidate: digest("B")}); assay.CodeOf(err) != CodeSeat {
		t.Errorf("a proof of another result: %v", err)
	}
	if err := s.Show(v, Proof{Seat: 0, Candidate: digest("A"), Text: string(make([]byte, 5000))}); err != nil {
		t.Fatal(err)
	}
	if err := s.Show(v, Proof{Seat: 0, Candidate: digest("A")}); assay.CodeOf(err) != CodeRepeated {
		t.Errorf("a second proof: %v", err)
	}
	back, err := Read(s.Bytes())
	if err != nil || !bytes.Equal(back.Bytes(), s.Bytes()) {
		t.Fatal("the state does not round-trip", err)
	}
	if x, _ := back.Of(0); len(x.Proof.Text) != MaxText || x.Commitment != digest("c") {
		t.Errorf("%+v", x)
	}
}

// TestTurns: seats of one result owe the proof in turn; those of another one do at
// the same time.
func TestTurns(t *testing.T) {
	for _, c := range []struct {
		name   string
		now    assay.Clock
		seats  []string
		proved int // seat; -1: none
		at     assay.Clock
		unique bool

		faults map[uint16]assay.FaultClass
		need   int
		done   bool
		wake   assay.Clock
	}{
		{"nothing yet", 1050, []string{"A"}, -1, 0, false, nil, 1, false, 1100},
		{"silent", 1100, []string{"A"}, -1, 0, false, map[uint16]assay.FaultClass{0: assay.FaultAbandoned}, 2, false, 0},
		{"the next one's turn", 1100, []string{"A", "A"}, -1, 0, false, map[uint16]assay.FaultClass{0: assay.FaultAbandoned}, 2, false, 1200},
		{"rivals at once", 1100, []string{"A", "B"}, -1, 0, false, map[uint16]assay.FaultClass{0: assay.FaultAbandoned, 1: assay.FaultAbandoned}, 3, false, 0},
		{"proved in time", 1500, []string{"A"}, 0, 1090, false, nil, 1, true, 0},
		{"proved by the second, before its turn", 1500, []string{"A", "A"}, 1, 1050, false, nil, 1, true, 0},
		{"proved by the second, in its turn", 1500, []string{"A", "A"}, 1, 1150, false, map[uint16]assay.FaultClass{0: assay.FaultAbandoned}, 2, true, 0},
		{"a rival may still prove", 1090, []string{"A", "B"}, 1, 1050, false, nil, 1, false, 1100},
		{"a rival never did", 1100, []string{"A", "B"}, 1, 1050, false, map[uint16]assay.FaultClass{0: assay.FaultAbandoned}, 2, true, 0},
		{"there is one truth", 1060, []string{"A", "B"}, 1, 1050, true, map[uint16]assay.FaultClass{0: assay.FaultProvedWrong}, 1, true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s State
			if c.proved >= 0 {
				if err := s.Show(view(c.at, c.seats...), Proof{Seat: uint16(c.proved), Candidate: digest(c.seats[c.proved]), Text: "proved"}); err != nil {
					t.Fatal(err)
				}
			}
			f := s.Judge(view(c.now, c.seats...), Rule{Unique: c.unique})
			got := map[uint16]assay.FaultClass{}
			for _, x := range f.Faults {
				got[x.Seat] = x.Class
			}
			if len(got) != len(c.faults) || f.Need[0].N != c.need || f.Done != c.done || f.Wake != c.wake {
				t.Errorf("faults %v, need %d, done %t, wake %d; want %v, %d, %t, %d", got, f.Need[0].N, f.Done, f.Wake, c.faults, c.need, c.done, c.wake)
			}
			for seat, class := range c.faults {
				if got[seat] != class {
					t.Errorf("seat %d is %s, want %s", seat, got[seat], class)
				}
			}
			if c.proved >= 0 {
				if value, decisive := f.ValueOf(digest(c.seats[c.proved])); value != assay.Supported || !decisive {
					t.Errorf("%s, decisive %t", value, decisive)
				}
			}
		})
	}
}

// TestWithdrawn: a killed key leaves nobody supported and nobody to blame.
func TestWithdrawn(t *testing.T) {
	var s State
	v := view(1050, "A", "A")
	if err := s.Show(v, Proof{Seat: 0, Candidate: digest("A"), False: "broken"}); err != nil {
		t.Fatal(err)
	}
	f := Withdrawn(s.Judge(view(2000, "A", "A"), Rule{}), "killed")
	if len(f.Values)+len(f.Faults)+len(f.Need) != 0 || !f.Done || f.Wake != 0 {
		t.Errorf("%+v", f)
	}
}

// TestSpends lists valid proofs of statements that are paid for once, and no other.
func TestSpends(t *testing.T) {
	var s State
	v := view(1050, "A", "A", "A")
	for i, p := range []Proof{
		{Candidate: digest("A"), Statement: digest("s")},
		{Candidate: digest("A"), Statement: digest("t"), False: "broken"},
		{Candidate: digest("A")},
	} {
		p.Seat = uint16(i)
		if err := s.Show(v, p); err != nil {
			t.Fatal(err)
		}
	}
	list := Spends(s.Bytes())
	if len(list) != 1 || list[0] != (Spend{Seat: 0, Statement: digest("s"), Candidate: digest("A")}) {
		t.Errorf("%+v", list)
	}
	if Spends([]byte{1}) != nil {
		t.Error("what cannot be read spends")
	}
}

// FuzzRead: no bytes make a state that the judgement cannot take.
func FuzzRead(f *testing.F) {
	var s State
	v := view(1050, "A", "A")
	_ = s.Commit(v, 0, digest("c"))
	_ = s.Show(v, Proof{Seat: 1, Candidate: digest("A"), Text: "proved"})
	f.Add(s.Bytes())
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Read(b)
		if err != nil {
			return
		}
		s.Judge(view(1100, "A", "B"), Rule{Unique: true})
		if len(b) > 0 && !bytes.Equal(s.Bytes(), b) {
			t.Errorf("%x reads as %x", b, s.Bytes())
		}
	})
}
