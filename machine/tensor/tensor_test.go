package tensor_test

import (
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/machine/tensor"
)

// conv is a legal model with every kind of attribute.
func conv() *tensor.Model {
	r := tensor.Requant{Shift: 4, Multiplier: 300, MulShift: 12, Zero: 3, Low: -100, High: 100}
	return &tensor.Model{Version: 1, Input: []uint32{1, 2, 6, 6}, Nodes: []tensor.Node{
		{Op: tensor.Conv, Inputs: []uint32{0}, Out: 4, Window: tensor.Window{Kernel: [2]uint32{3, 3}, Stride: [2]uint32{1, 1}, Pad: [4]uint32{1, 1, 1, 1}, Fill: -7}, Bound: 1 << 18, Requant: &r},
		{Op: tensor.MaxPool, Inputs: []uint32{1}, Window: tensor.Window{Kernel: [2]uint32{2, 2}, Stride: [2]uint32{2, 2}}},
		{Op: tensor.SumPool, Inputs: []uint32{2}, Window: tensor.Window{Kernel: [2]uint32{2, 2}, Stride: [2]uint32{1, 1}}, Bound: 512, Requant: &tensor.Requant{Multiplier: 1, MulShift: 2, Low: -128, High: 127}},
		{Op: tensor.Dense, Inputs: []uint32{3}, Out: 8, Bound: 1 << 18, Requant: &tensor.Requant{Shift: 4, Multiplier: 99, MulShift: 12, Low: -128, High: 127}},
		{Op: tensor.Add, Inputs: []uint32{4, 4}, Factors: []uint32{1, 2}, Bound: 384, Requant: &tensor.Requant{Multiplier: 1, MulShift: 1, Low: -128, High: 127}},
		{Op: tensor.MatMul, Inputs: []uint32{5, 4}, Transpose: true, Bound: 1 << 17},
	}}
}

func TestShapes(t *testing.T) {
	g, err := tensor.Parse(conv().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	want := []tensor.Shape{{1, 2, 6, 6}, {1, 4, 6, 6}, {1, 4, 3, 3}, {1, 4, 2, 2}, {1, 8}, {1, 8}, {1, 1}}
	for i, s := range g.Shapes {
		if !slices.Equal(s, want[i]) {
			t.Errorf("tensor %d is %v, want %v", i, s, want[i])
		}
	}
	if !g.Raw() || g.OutputBytes() != 4 || g.Bytes != 4*2*9+16+16*8+32 {
		t.Errorf("raw %t, output %d, weights %d bytes", g.Raw(), g.OutputBytes(), g.Bytes)
	}
	seen := make([]bool, 1<<g.Log)
	for _, b := range g.Blocks {
		if b.Offset%(1<<b.Log) != 0 {
			t.Errorf("%+v is not aligned", b)
		}
		for i := range 1 << b.Log {
			if seen[b.Offset+i] {
				t.Fatalf("%+v overlaps another block", b)
			}
			seen[b.Offset+i] = true
		}
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		change func(m *tensor.Model)
		want   assay.Code
	}{
		"version":                   {func(m *tensor.Model) { m.Version = 2 }, tensor.CodeVersion},
		"no nodes":                  {func(m *tensor.Model) { m.Nodes = nil }, tensor.CodeLimit},
		"too many nodes":            {func(m *tensor.Model) { m.Nodes = make([]tensor.Node, tensor.MaxNodes+1) }, tensor.CodeLimit},
		"dimension of zero":         {func(m *tensor.Model) { m.Input[1] = 0 }, tensor.CodeLimit},
		"dimension too large":       {func(m *tensor.Model) { m.Input[0] = 1 << 17 }, tensor.CodeLimit},
		"tensor too large":          {func(m *tensor.Model) { m.Input[0] = 1 << 15 }, tensor.CodeLimit},
		"one dimension":             {func(m *tensor.Model) { m.Input = []uint32{5} }, tensor.CodeShape},
		"five dimensions":           {func(m *tensor.Model) { m.Input = []uint32{1, 1, 1, 1, 1} }, tensor.CodeShape},
		"convolution of a matrix":   {func(m *tensor.Model) { m.Input = []uint32{1, 72} }, tensor.CodeShape},
		"window larger than input":  {func(m *tensor.Model) { m.Input = []uint32{1, 2, 6, 6}; m.Nodes[2].Window.Kernel[1] = 4 }, tensor.CodeShape},
		"odd maxpool":               {func(m *tensor.Model) { m.Nodes[0].Window.Pad[0] = 0 }, tensor.CodeShape},
		"matmul of other lengths":   {func(m *tensor.Model) { m.Nodes[5].Inputs[1] = 1 }, tensor.CodeShape},
		"matmul not transposed":     {func(m *tensor.Model) { m.Nodes[5].Transpose = false }, tensor.CodeShape},
		"matmul over seven":         {func(m *tensor.Model) { m.Nodes[3].Out = 7 }, tensor.CodeShape},
		"addition of other shapes":  {func(m *tensor.Model) { m.Nodes[4].Inputs[1] = 3 }, tensor.CodeShape},
		"unknown operator":          {func(m *tensor.Model) { m.Nodes[1].Op = 9 }, tensor.CodeOperator},
		"operator zero":             {func(m *tensor.Model) { m.Nodes[1].Op = 0 }, tensor.CodeOperator},
		"a tensor that comes later": {func(m *tensor.Model) { m.Nodes[1].Inputs[0] = 2 }, tensor.CodeOperator},
		"two inputs":                {func(m *tensor.Model) { m.Nodes[1].Inputs = []uint32{0, 1} }, tensor.CodeOperator},
		"attribute of another":      {func(m *tensor.Model) { m.Nodes[3].Transpose = true }, tensor.CodeOperator},
		"window of a dense node":    {func(m *tensor.Model) { m.Nodes[3].Window.Stride[0] = 1 }, tensor.CodeOperator},
		"padding of a pool":         {func(m *tensor.Model) { m.Nodes[2].Window.Pad[0] = 1 }, tensor.CodeOperator},
		"maxpool of three":          {func(m *tensor.Model) { m.Nodes[1].Window.Kernel[0] = 3 }, tensor.CodeOperator},
		"stride of zero":            {func(m *tensor.Model) { m.Nodes[0].Window.Stride[0] = 0 }, tensor.CodeOperator},
		"padding of a whole kernel": {func(m *tensor.Model) { m.Nodes[0].Window.Pad[0] = 3 }, tensor.CodeOperator},
		"kernel too large":          {func(m *tensor.Model) { m.Nodes[0].Window.Kernel[0] = 33 }, tensor.CodeOperator},
		"factor of zero":            {func(m *tensor.Model) { m.Nodes[4].Factors[0] = 0 }, tensor.CodeOperator},
		"one factor":                {func(m *tensor.Model) { m.Nodes[4].Factors = []uint32{1} }, tensor.CodeOperator},
		"no bound":                  {func(m *tensor.Model) { m.Nodes[0].Bound = 0 }, tensor.CodeOverflow},
		"bound beyond int8/1":       {func(m *tensor.Model) { m.Nodes[0].Bound = 1 << 29 }, tensor.CodeOverflow},
		"sums beyond their bound":   {func(m *tensor.Model) { m.Nodes[5].Bound = 1<<17 - 1 }, tensor.CodeOverflow},
		"a pool beyond its bound":   {func(m *tensor.Model) { m.Nodes[2].Bound = 511 }, tensor.CodeOverflow},
		"sums in the middle":        {func(m *tensor.Model) { m.Nodes[3].Requant = nil }, tensor.CodeRequant},
		"shift":                     {func(m *tensor.Model) { m.Nodes[0].Requant.Shift = 17 }, tensor.CodeRequant},
		"second shift":              {func(m *tensor.Model) { m.Nodes[0].Requant.MulShift = 47 }, tensor.CodeRequant},
		"no second shift":           {func(m *tensor.Model) { m.Nodes[0].Requant.MulShift = 0 }, tensor.CodeRequant},
		"multiplier":                {func(m *tensor.Model) { m.Nodes[0].Requant.Multiplier = 1 << 31 }, tensor.CodeRequant},
		"no multiplier":             {func(m *tensor.Model) { m.Nodes[0].Requant.Multiplier = 0 }, tensor.CodeRequant},
		"clamp upside down":         {func(m *tensor.Model) { m.Nodes[0].Requant.Low = 101 }, tensor.CodeRequant},
		"map of another length":     {func(m *tensor.Model) { m.Nodes[0].Requant.Map = make([]byte, 255) }, tensor.CodeRequant},
		"table too large":           {func(m *tensor.Model) { m.Nodes[0].Requant.Shift = 2 }, tensor.CodeRequant},
		"sum of too many terms": {func(m *tensor.Model) {
			m.Input = []uint32{1, 1 << 16}
			m.Nodes = m.Nodes[3:4]
			m.Nodes[0].Inputs[0] = 0
		}, tensor.CodeLimit},
		"weights too large": {func(m *tensor.Model) {
			m.Input, m.Nodes = []uint32{1, 1 << 15}, m.Nodes[3:4]
			m.Nodes[0].Inputs[0], m.Nodes[0].Out = 0, 1<<16
		}, tensor.CodeLimit},
	} {
		m := conv()
		c.change(m)
		if _, err := tensor.Parse(m.Bytes()); assay.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if _, err := tensor.Parse(make([]byte, tensor.MaxDescriptor+1)); assay.CodeOf(err) != tensor.CodeEncoding {
		t.Error(err)
	}
	if _, err := tensor.Parse(append(conv().Bytes(), 0)); assay.CodeOf(err) != tensor.CodeEncoding {
		t.Error(err)
	}
}

// TestRequantIsRounding compares both roundings with exact rational arithmetic.
func TestRequantIsRounding(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 1))
	for range 20000 {
		q := tensor.Requant{
			Shift: uint8(r.IntN(tensor.MaxShift + 1)), Multiplier: 1 + r.Uint32N(1<<31-1), MulShift: uint8(1 + r.IntN(tensor.MaxMulShift)),
			Zero: int8(r.Uint32()), Low: -128, High: 127,
		}
		sum := int32(r.Uint32N(2*tensor.MaxBound)) - tensor.MaxBound
		coarse := roundHalfUp(big.NewRat(int64(sum), 1<<q.Shift))
		if got := q.Coarse(int64(sum)); got != coarse.Int64() {
			t.Fatalf("%d / 2^%d rounds to %d, not %d", sum, q.Shift, coarse, got)
		}
		if coarse.BitLen() > 15 {
			continue // no model has it
		}
		x := new(big.Rat).SetInt(coarse)
		x.Mul(x, big.NewRat(int64(q.Multiplier), 1<<q.MulShift))
		y := new(big.Int).Add(roundHalfUp(x), big.NewInt(int64(q.Zero)))
		want := int8(-128)
		if y.Cmp(big.NewInt(-128)) > 0 {
			want = 127
			if y.Cmp(big.NewInt(127)) < 0 {
				want = int8(y.Int64())
			}
		}
		if got := q.Apply(sum); got != want {
			t.Fatalf("%+v of %d is %d, want %d", q, sum, got, want)
		}
	}
}

func roundHalfUp(x *big.Rat) *big.Int {
	x = new(big.Rat).Add(x, big.NewRat(1, 2))
	return new(big.Int).Div(x.Num(), x.Denom()) // Euclidean: the floor, since the denominator is positive
}

// TestTableHoldsEverySum tries the ends of the bound.
func TestTableHoldsEverySum(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 2))
	for range 20000 {
		q := tensor.Requant{Shift: uint8(r.IntN(tensor.MaxShift + 1)), Multiplier: 1, MulShift: 1, Low: -128, High: 127}
		bound := 1 + r.Uint32N(tensor.MaxBound>>r.IntN(29))
		half := int64(1) << (q.TableBits(bound) - 1)
		for _, sum := range []int64{int64(bound), -int64(bound)} {
			if c := q.Coarse(sum); c >= half || c < -half {
				t.Fatalf("shift %d, bound %d: %d is outside of ±%d", q.Shift, bound, c, half)
			}
		}
	}
}

func TestLimbsAreExact(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 3))
	for i := range 100000 {
		b := int32(r.Uint32N(2*tensor.MaxBound)) - tensor.MaxBound
		if i == 0 {
			b = tensor.MaxBound
		}
		var sum int64
		for k, l := range tensor.Limbs(b) {
			sum += int64(l) << (8 * k)
		}
		if sum != int64(b) {
			t.Fatalf("%d becomes %d", b, sum)
		}
	}
}

// TestReachIsReached finds the input that makes the largest sum, and refuses a
// bound one below it.
func TestReachIsReached(t *testing.T) {
	m := &tensor.Model{Version: 1, Input: []uint32{1, 3}, Nodes: []tensor.Node{{Op: tensor.Dense, Inputs: []uint32{0}, Out: 2, Bound: 128*(1+128+7) + 5}}}
	g, err := tensor.Check(m)
	if err != nil {
		t.Fatal(err)
	}
	p := &tensor.Params{Weights: [][]int8{{1, 0, -128, 0, 7, 1}}, Biases: [][]int32{{-5, 0}}}
	// A weight of −128 at an input of −128 gives +2^14, so the sum that reaches
	// the bound is the negative one, at 127 not quite.
	if p, err = g.ReadParams(p.Bytes()); err != nil {
		t.Fatal(err)
	}
	trace, err := g.Evaluate(p, []int8{-128, 127, -128})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := trace.Sums[0][0], int32(-128-128*127-7*128-5); got != want {
		t.Fatalf("%d, want %d", got, want)
	}
	m.Nodes[0].Bound--
	if _, err := g.ReadParams(p.Bytes()); assay.CodeOf(err) != tensor.CodeOverflow {
		t.Fatal(err)
	}
	if _, err := g.Evaluate(p, []int8{1}); assay.CodeOf(err) != tensor.CodeInput {
		t.Fatal(err)
	}
	if _, err := g.ReadParams(nil); assay.CodeOf(err) != tensor.CodeWeights {
		t.Fatal(err)
	}
}

func TestModelFiles(t *testing.T) {
	b, err := os.ReadFile("../../examples/mlp/digit.int8")
	if err != nil {
		t.Fatal(err)
	}
	descriptor, weights, err := tensor.OpenFile(b)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(tensor.File(descriptor, weights), b) {
		t.Fatal("reading and writing do not give the same file")
	}
	other := slices.Clone(weights)
	other[10] ^= 1
	if _, _, err := tensor.OpenFile(tensor.File(descriptor, other)); assay.CodeOf(err) != tensor.CodeWeights {
		t.Fatal(err)
	}
	if _, _, err := tensor.OpenFile(tensor.File(nil, weights)); assay.CodeOf(err) != tensor.CodeEncoding {
		t.Fatal(err)
	}
	if _, _, err := tensor.OpenFile(descriptor); assay.CodeOf(err) != tensor.CodeEncoding {
		t.Fatal(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(conv().Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := tensor.Parse(b)
		if err != nil {
			if assay.CodeOf(err) == assay.CodeInternal {
				t.Fatal(err)
			}
			return
		}
		if !slices.Equal(g.Model.Bytes(), b) {
			t.Fatal("a second spelling of a descriptor")
		}
		if g.Work > 1<<16 || g.Bytes > 1<<16 {
			return
		}
		p, err := g.ReadParams(make([]byte, g.Bytes))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.Evaluate(p, make([]int8, g.Input().Size())); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzOpenFile(f *testing.F) {
	b, err := os.ReadFile("../../examples/cnn/shape.int8")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, _, err := tensor.OpenFile(b); err != nil && assay.CodeOf(err) == assay.CodeInternal {
			t.Fatal(err)
		}
	})
}
