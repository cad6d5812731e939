package sumcheck

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/kernel"
)

// The provers of this file cheat inside the protocol: every message has the right
// form, rounds are adapted to the lie and to the challenges, and the lie moves to
// where the cheater hopes that nobody looks.

// product is a statement c = a·b about a matrix b that the verifier knows by its
// commitment: the shape of a layer.
type product struct {
	n, m, k int
	a, b    []int8
	c       []int32
	weights *Committed
}

func newProduct(r *rand.Rand, n, m, k int) *product {
	s := &product{n: n, m: m, k: k, a: random8(r, n*m), b: random8(r, m*k), c: make([]int32, n*k)}
	kernel.MatMul(s.c, s.a, s.b, n, m, k)
	s.weights = Commit8(s.b, LayoutFor(Log(m)+Log(k)), nil)
	return s
}

func testContext() Context {
	return Context{Network: canon.Hash("network"), Job: canon.Hash("job"), Model: canon.Hash("model"), Payee: assay.Key(canon.Hash("payee"))}
}

// statement absorbs what both sides know.
func (s *product) statement(t *transcript) (row, col []Element) {
	s.weights.Commitment().bind(t)
	buf := make([]byte, 0, len(s.a)+4*len(s.c))
	for _, x := range s.a {
		buf = append(buf, byte(x))
	}
	for _, x := range s.c {
		buf = binary.LittleEndian.AppendUint32(buf, uint32(x))
	}
	t.Bind("a and c", buf)
	point := t.Point("c", Log(s.n)+Log(s.k))
	return point[:Log(s.n)], point[Log(s.n):]
}

func (s *product) prove(c Context) []byte {
	p := NewProver(c)
	row, col := s.statement(&p.transcript)
	_, claimB := ProveMatMul(p, s.a, s.b, s.n, s.m, s.k, row, col)
	s.weights.ProveOpen(p, []Claim{claimB})
	return p.Proof()
}

// verify answers with the code of the refusal, "a" where the claim on a is
// false, and "" where all holds.
func (s *product) verify(c Context, proof []byte) assay.Code {
	v := NewVerifier(c, proof)
	row, col := s.statement(&v.transcript)
	claimA, claimB, err := VerifyMatMul(v, s.n, s.m, s.k, row, col, Evaluate32(s.c, s.n, s.k, row, col))
	if err != nil {
		return assay.CodeOf(err)
	}
	if Evaluate8(s.a, s.n, s.m, claimA.Point[:Log(s.n)], claimA.Point[Log(s.n):]) != claimA.Value {
		return "a"
	}
	if err := s.weights.Commitment().VerifyOpen(v, []Claim{claimB}); err != nil {
		return assay.CodeOf(err)
	}
	if err := v.Done(); err != nil {
		return assay.CodeOf(err)
	}
	return ""
}

// lyingRounds runs the rounds of a sumcheck whose claim may be false: any
// polynomials will do, for g(1) follows from the claim. It returns what the
// tables must amount to at the point.
func lyingRounds(p *Prover, r *rand.Rand, claim Element, vars, degree int) (point []Element, last Element) {
	for range vars {
		g := randomPoint(r, degree)
		p.Send("round", g...)
		x := p.Challenge("round")
		claim = evaluateRound(claim, g, x)
		point = append(point, x)
	}
	return point, claim
}

func divide(a, b Element) Element { b.Inverse(&b); return mul(a, b) }

func TestWrongProduct(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 1))
	s := newProduct(r, 5, 40, 8)
	if code := s.verify(testContext(), s.prove(testContext())); code != "" {
		t.Fatalf("the honest proof: %s", code)
	}
	for range 50 {
		at, delta := r.IntN(len(s.c)), int32(1)<<r.IntN(32)
		s.c[at] ^= delta
		if code := s.verify(testContext(), s.prove(testContext())); code != CodeSum {
			t.Errorf("a wrong entry, honest rounds: %q", code)
		}
		s.c[at] ^= delta
	}
}

// TestAdaptedRounds cheats with rounds that fit the wrong product: the sumcheck
// itself accepts, and the lie surfaces where a or b is looked at.
func TestAdaptedRounds(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 2))
	s := newProduct(r, 5, 40, 8)
	s.c[7]++
	for _, lieAboutA := range []bool{true, false} {
		p := NewProver(testContext())
		row, col := s.statement(&p.transcript)
		mid, last := lyingRounds(p, r, Evaluate32(s.c, s.n, s.k, row, col), Log(s.m), 2)
		a := Evaluate8(s.a, s.n, s.m, row, mid)
		b := Evaluate8(s.b, s.m, s.k, mid, col)
		want := assay.Code("a")
		if lieAboutA {
			a = divide(last, b)
		} else {
			b = divide(last, a)
			want = CodeSum
		}
		p.Send("values", a, b)
		s.weights.ProveOpen(p, []Claim{{join2(mid, col), b}})
		if code := s.verify(testContext(), p.Proof()); code != want {
			t.Errorf("lie about a %v: %q, want %q", lieAboutA, code, want)
		}
	}
}

// openFalsely opens a commitment at claims that are false as far as it goes: the
// claims are merged with adapted rounds, the combined row is bent to the value
// that follows. Where bend is nil the row stays honest.
func openFalsely(p *Prover, r *rand.Rand, c *Committed, claims []Claim, bend func(row Vector, point []Element, value Element), columnsToo bool) {
	l := c.commitment.Layout
	c.commitment.bind(&p.transcript)
	gamma := p.bindClaims(claims)
	var sum, weight Element
	for k := len(claims) - 1; k >= 0; k-- {
		sum = add(mul(sum, gamma), claims[k].Value)
	}
	point, last := lyingRounds(p, r, sum, int(l.Vars), 2)
	for k := len(claims) - 1; k >= 0; k-- {
		weight = add(mul(weight, gamma), EqAt(claims[k].Point, point))
	}
	value := divide(last, weight)
	p.Send("values", value, weight)
	weights := Eq(point[:l.LogRows])
	row := c.combine(weights)
	if bend != nil {
		bend(row, point[l.LogRows:], value)
	}
	p.Send("row", row...)
	list := drawColumns(&p.transcript, l)
	word := codeWord(l, row)
	column := make([]byte, baseBytes*l.rows())
	for _, j := range list {
		for i := range l.rows() {
			binary.LittleEndian.PutUint32(column[baseBytes*i:], c.words[i*l.length()+j][0])
		}
		if columnsToo {
			bendColumn(column, weights, word[j])
		}
		p.SendBytes("column", column)
	}
	for _, layer := range c.tree[:len(c.tree)-1] {
		var missing []int
		missing, list = siblings(list)
		for _, j := range missing {
			p.SendBytes("path", layer[j][:])
		}
	}
}

// bendColumn changes four entries so that the weighted sum of the column is want:
// four unknowns for the four coordinates of an element.
func bendColumn(column []byte, weights Vector, want Element) {
	entries := make([]Base, len(column)/baseBytes)
	for i := range entries {
		readBase(&entries[i], column[baseBytes*i:])
	}
	missing := sub(want, weights.InnerProductByElement(entries))
	coordinates := func(e Element) [4]Base { return [4]Base{e.B0.A0, e.B0.A1, e.B1.A0, e.B1.A1} }
	var m [4][5]Base
	right := coordinates(missing)
	for i := range 4 {
		c := coordinates(weights[i])
		for row := range 4 {
			m[row][i] = c[row]
			m[row][4] = right[row]
		}
	}
	for i := range 4 { // elimination; random weights need no exchange of rows
		var inverse Base
		inverse.Inverse(&m[i][i])
		for k := range m[i] {
			m[i][k].Mul(&m[i][k], &inverse)
		}
		for j := range 4 {
			if factor := m[j][i]; j != i {
				for k := range m[j] {
					var x Base
					x.Mul(&factor, &m[i][k])
					m[j][k].Sub(&m[j][k], &x)
				}
			}
		}
	}
	for i := range 4 {
		entries[i].Add(&entries[i], &m[i][4])
	}
	for i := range entries {
		binary.LittleEndian.PutUint32(column[baseBytes*i:], uint32(entries[i].Uint64()))
	}
}

// bendRow adds a multiple of a unit vector so that the row has the value.
func bendRow(row Vector, point []Element, value Element) {
	weights := Eq(point)
	row[3] = add(row[3], divide(sub(value, row.InnerProduct(weights)), weights[3]))
}

// TestFalseOpenings lies about a committed tensor, and moves the lie one message
// further each time: into the merged value, the row, the columns.
func TestFalseOpenings(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 3))
	data := random8(r, 1<<12)
	c := Commit8(data, Layout{12, 4, 2, 1 << 4}, nil)
	claim := claimOn(r, data, 12)
	claim.Value = add(claim.Value, one())
	claims := []Claim{claimOn(r, data, 12), claim}
	open := func(prove func(p *Prover)) error {
		p := NewProver(testContext())
		prove(p)
		return c.Commitment().VerifyOpen(NewVerifier(testContext(), p.Proof()), claims)
	}
	refused(t, "honest rounds", open(func(p *Prover) { c.ProveOpen(p, claims) }), CodeSum)
	refused(t, "adapted rounds", open(func(p *Prover) { openFalsely(p, r, c, claims, nil, false) }), CodeOpening)
	refused(t, "a bent row", open(func(p *Prover) { openFalsely(p, r, c, claims, bendRow, false) }), CodeColumn)
	refused(t, "bent columns", open(func(p *Prover) { openFalsely(p, r, c, claims, bendRow, true) }), CodePath)
}

// mixed commits to a matrix whose code words are those of data, except in the
// columns that pick chooses, where they are those of other.
func mixed(l Layout, data, other []int8, pick func(column int) bool) *Committed {
	c, d := Commit8(data, l, nil), Commit8(other, l, nil)
	for i := range l.rows() {
		for j := range l.length() {
			if pick(j) {
				c.words[i*l.length()+j] = d.words[i*l.length()+j]
			}
		}
	}
	leaves := make([]assay.Digest, l.length())
	c.hashColumns(leaves, 0, l.length())
	c.tree = buildTree(leaves)
	c.commitment.Root = c.tree[len(c.tree)-1][0]
	return c
}

// TestTwoTensorsInOneCommitment commits to columns of two tensors and tries to
// open it as one or the other. One column in eight that is foreign is seen.
func TestTwoTensorsInOneCommitment(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 4))
	l := Layout{12, 4, 2, 1 << 4}
	data, other := random8(r, 1<<12), random8(r, 1<<12)
	for _, x := range []struct {
		foreign         int // of eight columns
		opens, otherToo bool
	}{{0, true, false}, {1, false, false}, {4, false, false}, {7, false, false}, {8, false, true}} {
		c := mixed(l, data, other, func(j int) bool { return j*2654435761>>7%8 < x.foreign })
		for k, tensor := range [][]int8{data, other} {
			claims := []Claim{claimOn(r, tensor, 12)}
			c.data8 = tensor // what the prover computes its messages from
			p := NewProver(testContext())
			c.ProveOpen(p, claims)
			err := c.Commitment().VerifyOpen(NewVerifier(testContext(), p.Proof()), claims)
			want := x.opens
			if k == 1 {
				want = x.otherToo
			}
			if (err == nil) != want {
				t.Errorf("%d of 8 columns are foreign, opened as tensor %d: %v", x.foreign, k, err)
			}
		}
	}
}

// TestCommittedNumbersAreReduced commits to x + p in place of x: the same element
// under another root.
func TestCommittedNumbersAreReduced(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 13))
	data := random8(r, 64)
	c := mixed(Layout{6, 2, 2, 1 << 2}, data, data, func(int) bool { return false })
	for i := range c.words {
		c.words[i][0] += Modulus
	}
	leaves := make([]assay.Digest, c.commitment.Layout.length())
	c.hashColumns(leaves, 0, len(leaves))
	c.tree = buildTree(leaves)
	c.commitment.Root = c.tree[len(c.tree)-1][0]
	claims := []Claim{claimOn(r, data, 6)}
	p := NewProver(testContext())
	c.ProveOpen(p, claims)
	refused(t, "numbers above p", c.Commitment().VerifyOpen(NewVerifier(testContext(), p.Proof()), claims), CodeElement)
}

// TestGrindingColumns lets a cheater with a bad column in every eight, 3/8 of
// them, try again and again with other transcripts. Against eight columns, as a
// control, it wins as often as (5/8)^8 says; against all it does not win.
func TestGrindingColumns(t *testing.T) {
	l := LayoutFor(14)
	columns, _ := l.columns()
	const tries = 5000
	weak, wins := 0, 0
	for n := range tries {
		tr := newTranscript(testContext())
		tr.Bind("salt", binary.LittleEndian.AppendUint64(nil, uint64(n)))
		list := tr.indices("columns", columns, l.length())
		bad := func(j int) bool { return j%8 < 3 }
		if !slices.ContainsFunc(list[:8], bad) {
			weak++
		}
		if !slices.ContainsFunc(list, bad) {
			wins++
		}
	}
	if weak < tries/100 || weak > tries/25 { // (5/8)^8 = 1/43
		t.Errorf("%d of %d tries miss in eight columns", weak, tries)
	}
	if wins != 0 {
		t.Errorf("%d of %d tries miss in all columns", wins, tries)
	}
}

// TestGrindingProduct tries a wrong product under many transcripts, each with
// rounds of its own: the bound is about 2^-118 per try.
func TestGrindingProduct(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 5))
	s := newProduct(r, 2, 4, 2)
	s.c[0]++
	for range 2000 {
		p := NewProver(testContext())
		row, col := s.statement(&p.transcript)
		mid, last := lyingRounds(p, r, Evaluate32(s.c, s.n, s.k, row, col), Log(s.m), 2)
		b := Evaluate8(s.b, s.m, s.k, mid, col)
		p.Send("values", divide(last, b), b)
		s.weights.ProveOpen(p, []Claim{{join2(mid, col), b}})
		if code := s.verify(testContext(), p.Proof()); code != "a" {
			t.Fatalf("%q", code)
		}
	}
}

// TestProofsOfOtherJobs replays a proof in every other context.
func TestProofsOfOtherJobs(t *testing.T) {
	s := newProduct(rand.New(rand.NewPCG(11, 6)), 5, 40, 8)
	proof := s.prove(testContext())
	other := canon.Hash("other")
	for what, change := range map[string]func(c *Context){
		"network": func(c *Context) { c.Network = other },
		"job":     func(c *Context) { c.Job = other },
		"model":   func(c *Context) { c.Model = other },
		"payee":   func(c *Context) { c.Payee = assay.Key(other) },
	} {
		c := testContext()
		change(&c)
		if code := s.verify(c, proof); code != CodeSum {
			t.Errorf("another %s: %q", what, code)
		}
	}
}

// TestFalseWeight tells the truth about the tensor and lies about the weight
// that the verifier computes itself.
func TestFalseWeight(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 11))
	data := random8(r, 64)
	claims := []Claim{claimOn(r, data, 6)}
	claims[0].Value = add(claims[0].Value, one())
	p := NewProver(testContext())
	p.bindClaims(claims)
	point, last := lyingRounds(p, r, claims[0].Value, 6, 2)
	value := Evaluate8(data, 1, 64, nil, point)
	p.Send("values", value, divide(last, value))
	_, err := VerifyMerge(NewVerifier(testContext(), p.Proof()), 6, claims)
	refused(t, "a false weight", err, CodeMerge)
}
