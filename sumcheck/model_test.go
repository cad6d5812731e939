package sumcheck

import (
	"math/rand/v2"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

// naive is the multilinear extension by its definition: the sum over all indices
// of the entry times, for every bit, the coordinate or one minus it.
func naive(table []Element, point []Element) Element {
	var sum Element
	for i, x := range table {
		for k, c := range point {
			if i>>(len(point)-1-k)&1 == 0 {
				c = sub(one(), c)
			}
			x = mul(x, c)
		}
		sum = add(sum, x)
	}
	return sum
}

// lift pads a row-major matrix to powers of two and lifts it.
func lift[T int8 | int32](data []T, rows, cols int) []Element {
	wide := 1 << Log(cols)
	table := make([]Element, wide<<Log(rows))
	for i := range rows {
		for j := range cols {
			table[i*wide+j] = Int(int64(data[i*cols+j]))
		}
	}
	return table
}

func randomElement(r *rand.Rand) Element {
	var b [32]byte
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return elementFrom(b)
}

func randomPoint(r *rand.Rand, n int) []Element {
	point := make([]Element, n)
	for i := range point {
		point[i] = randomElement(r)
	}
	return point
}

func random8(r *rand.Rand, n int) []int8 {
	list := make([]int8, n)
	for i := range list {
		list[i] = int8(r.Uint32())
	}
	return list
}

func random32(r *rand.Rand, n int) []int32 {
	list := make([]int32, n)
	for i := range list {
		list[i] = int32(r.Uint32())
	}
	return list
}

// refused fails unless err carries the code.
func refused(t *testing.T, what string, err error, code assay.Code) {
	t.Helper()
	if err == nil || assay.CodeOf(err) != code {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

func TestMultilinearExtensionsAreTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1))
	for range 60 {
		rows, cols := 1+r.IntN(9), 1+r.IntN(40)
		row, col := randomPoint(r, Log(rows)), randomPoint(r, Log(cols))
		point := join2(row, col)
		small, wide := random8(r, rows*cols), random32(r, rows*cols)
		if Evaluate8(small, rows, cols, row, col) != naive(lift(small, rows, cols), point) {
			t.Fatalf("int8, %d×%d", rows, cols)
		}
		if Evaluate32(wide, rows, cols, row, col) != naive(lift(wide, rows, cols), point) {
			t.Fatalf("int32, %d×%d", rows, cols)
		}
		n := r.IntN(1 << len(point))
		below, table := make([]Element, 1<<len(point)), make([]Element, 1<<len(point))
		for i := range n {
			below[i] = one()
			table[i] = randomElement(r)
		}
		if LessAt(n, point) != naive(below, point) {
			t.Fatalf("LessAt(%d) of %d variables", n, len(point))
		}
		if EvaluateVector(table[:n], point) != naive(table, point) {
			t.Fatalf("a vector of %d", n)
		}
		other := randomPoint(r, len(point))
		if EqAt(point, other) != naive(Eq(point), other) {
			t.Fatal("EqAt is not the extension of Eq")
		}
	}
}

// TestLongRowsAreCutRight crosses the length at which rows are weighed in pieces.
func TestLongRowsAreCutRight(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 2))
	for _, cols := range []int{chunk - 1, chunk, chunk + 1, 2*chunk + 77} {
		data := random8(r, 2*cols)
		row, col := randomPoint(r, 1), randomPoint(r, Log(cols))
		if Evaluate8(data, 2, cols, row, col) != naive(lift(data, 2, cols), join2(row, col)) {
			t.Errorf("two rows of %d", cols)
		}
		turned := make([]int8, len(data))
		for i := range cols {
			turned[2*i], turned[2*i+1] = data[i], data[cols+i]
		}
		sums := SumRows8(turned, cols, 2, Eq(col)[:cols])
		if between(sums[0], sums[1], row[0]) != Evaluate8(data, 2, cols, row, col) {
			t.Errorf("%d rows of two", cols)
		}
	}
}

func TestBlockReadsATensorInItsPlace(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 3))
	table := make([]Element, 64)
	for i := range table {
		table[i] = randomElement(r)
	}
	for size := 0; size <= 6; size++ {
		for offset := 0; offset < 64; offset += 1 << size {
			point := randomPoint(r, size)
			if naive(table, Block(6, offset, point)) != naive(table[offset:offset+1<<size], point) {
				t.Errorf("2^%d entries at %d", size, offset)
			}
		}
	}
}

func TestElementsAreReadStrictly(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 4))
	for range 1000 {
		e := randomElement(r)
		b := appendElement(nil, &e)
		if back, ok := readElement(b); !ok || back != e {
			t.Fatalf("%x", b)
		}
	}
	for i := range 4 {
		for _, n := range []uint32{Modulus, Modulus + 1, 1<<32 - 1} {
			b := make([]byte, elementBytes)
			b[4*i], b[4*i+1], b[4*i+2], b[4*i+3] = byte(n), byte(n>>8), byte(n>>16), byte(n>>24)
			_, err := NewVerifier(Context{}, b).Receive("x", 1)
			refused(t, "a coordinate that is not reduced", err, CodeElement)
		}
	}
}

// TestTranscriptsDiffer shows that no two histories draw the same: other
// contexts, labels, pieces cut elsewhere, order, number of draws.
func TestTranscriptsDiffer(t *testing.T) {
	seen := map[Element]string{}
	note := func(what string, c Context, do func(p *Prover)) {
		p := NewProver(c)
		do(p)
		x := p.Challenge("x")
		if other, ok := seen[x]; ok {
			t.Errorf("%s and %s draw the same", what, other)
		}
		seen[x] = what
	}
	nothing := func(*Prover) {}
	d := canon.Hash("d")
	note("zero", Context{}, nothing)
	note("network", Context{Network: d}, nothing)
	note("job", Context{Job: d}, nothing)
	note("model", Context{Model: d}, nothing)
	note("payee", Context{Payee: assay.Key(d)}, nothing)
	note("bound", Context{}, func(p *Prover) { p.Bind("a", []byte("bc")) })
	note("other label", Context{}, func(p *Prover) { p.Bind("ab", []byte("c")) })
	note("two pieces", Context{}, func(p *Prover) { p.Bind("a", []byte("b")); p.Bind("", []byte("c")) })
	note("nothing bound", Context{}, func(p *Prover) { p.Bind("a", nil) })
	note("drawn before", Context{}, func(p *Prover) { p.Challenge("x") })
	note("drawn elsewhere", Context{}, func(p *Prover) { p.Challenge("y") })
	note("drawn twice", Context{}, func(p *Prover) { p.Point("x", 2) })
	note("sent", Context{}, func(p *Prover) { p.Send("s", one()) })
	note("sent zero", Context{}, func(p *Prover) { p.Send("s", Element{}) })
	point := NewProver(Context{}).Point("p", 50)
	for i, x := range point {
		if other, ok := seen[x]; ok {
			t.Errorf("coordinate %d is %s", i, other)
		}
		seen[x] = "a coordinate"
	}
}

func TestTapesEndWhereTheyShould(t *testing.T) {
	p := NewProver(Context{})
	p.Send("a", one(), one())
	p.SendBytes("b", []byte{1, 2, 3})
	read := func(proof []byte) error {
		v := NewVerifier(Context{}, proof)
		if _, err := v.Receive("a", 2); err != nil {
			return err
		}
		if _, err := v.ReceiveBytes("b", 3); err != nil {
			return err
		}
		return v.Done()
	}
	proof := p.Proof()
	if err := read(proof); err != nil {
		t.Fatal(err)
	}
	for n := range proof {
		refused(t, "cut", read(proof[:n]), CodeShort)
	}
	refused(t, "one byte more", read(append(proof[:len(proof):len(proof)], 0)), CodeLong)
	refused(t, "too large", read(make([]byte, MaxProof+1)), CodeSize)
	refused(t, "too large, unread", NewVerifier(Context{}, make([]byte, MaxProof+1)).Done(), CodeSize)
	_, err := NewVerifier(Context{}, proof).Receive("a", -1)
	refused(t, "a negative number", err, CodeShort)
	_, err = NewVerifier(Context{}, proof).Receive("a", 1<<62)
	refused(t, "a number that overflows", err, CodeShort)
}
