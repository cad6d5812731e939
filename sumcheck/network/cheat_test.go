package network

import (
	"bytes"
	"slices"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/machine/tensor"
	"github.com/capacloud/assay/sumcheck"
)

// cheat is a prover that departs from the protocol and else keeps to it: what
// follows from its lie is computed consistently.
type cheat struct {
	name    string
	network string
	prove   func(t *testing.T, x *example) []byte // may change x.Output to the false one
	codes   []assay.Code
}

// lie evaluates with sums that a function may change.
func (x *example) lie(t *testing.T, change func(node int, sums []int32)) {
	t.Helper()
	trace, err := x.Graph.EvaluateWith(x.params, tensor.Int8s(x.Input), func(g *tensor.Graph, p *tensor.Params, node int, tensors [][]int8) []int32 {
		sums := g.Sum(p, node, tensors)
		change(node, sums)
		return sums
	})
	if err != nil {
		t.Fatal(err)
	}
	x.trace, x.Output = trace, x.Graph.OutputOf(trace)
}

// lieAbout evaluates with a tensor that a function changes before a node reads it.
func (x *example) lieAbout(t *testing.T, changed, reader int, change func(data []int8)) {
	t.Helper()
	trace, err := x.Graph.EvaluateWith(x.params, tensor.Int8s(x.Input), func(g *tensor.Graph, p *tensor.Params, node int, tensors [][]int8) []int32 {
		if node == reader {
			change(tensors[changed])
		}
		return g.Sum(p, node, tensors)
	})
	if err != nil {
		t.Fatal(err)
	}
	x.trace, x.Output = trace, x.Graph.OutputOf(trace)
}

// proveBy commits to and proves by the witness that a function has changed.
func (x *example) proveBy(change func(w *witness)) []byte {
	w, layout := witnessOf(x.Graph, x.trace), planOf(x.Graph)
	change(w)
	return prove(x.Statement, x.params, w, w.flat(&layout), x.committed, nil)
}

// afterwards commits to the honest witness and proves by the changed one.
func (x *example) afterwards(change func(w *witness)) []byte {
	w, layout := witnessOf(x.Graph, x.trace), planOf(x.Graph)
	flat := w.flat(&layout)
	change(w)
	return prove(x.Statement, x.params, w, flat, x.committed, nil)
}

var cheats = []cheat{
	{"wrong sum in the first node", "mlp", func(t *testing.T, x *example) []byte {
		x.lie(t, func(node int, sums []int32) {
			if node == 0 {
				sums[4] += 4000
			}
		})
		return x.prove()
	}, []assay.Code{sumcheck.CodeSum, CodeValue}},
	{"wrong sum by one", "cnn", func(t *testing.T, x *example) []byte {
		x.lie(t, func(node int, sums []int32) {
			if node == 1 {
				sums[7]++
			}
		})
		return x.prove()
	}, []assay.Code{sumcheck.CodeSum}},
	{"wrong sum in the output", "dense raw", func(t *testing.T, x *example) []byte {
		x.lie(t, func(node int, sums []int32) { sums[1]-- })
		return x.prove()
	}, []assay.Code{sumcheck.CodeSum}},
	{"wrong sum of a window", "cnn", func(t *testing.T, x *example) []byte {
		x.lie(t, func(node int, sums []int32) {
			if node == 2 {
				sums[0]++
			}
		})
		return x.prove()
	}, []assay.Code{sumcheck.CodeSum}},
	{"wrong product of two tensors", "attention", func(t *testing.T, x *example) []byte {
		x.lie(t, func(node int, sums []int32) {
			if node == 2 {
				sums[63] ^= 1
			}
		})
		return x.prove()
	}, []assay.Code{sumcheck.CodeSum}},
	{"wrong addition", "mlp", func(t *testing.T, x *example) []byte {
		x.lie(t, func(node int, sums []int32) {
			if node == 2 {
				sums[1] += 2
			}
		})
		return x.prove()
	}, []assay.Code{CodeValue}},
	{"wrong int8 of a right sum", "mlp", func(t *testing.T, x *example) []byte {
		x.lieAbout(t, 1, 1, func(data []int8) { data[3]++ })
		return x.prove()
	}, []assay.Code{sumcheck.CodeFractions}},
	{"wrong int8 with a count that hides it elsewhere", "mlp", func(t *testing.T, x *example) []byte {
		x.lieAbout(t, 1, 1, func(data []int8) { data[3]++ })
		return x.proveBy(func(w *witness) { slices.Reverse(w.nodes[0].fineCount) })
	}, []assay.Code{sumcheck.CodeFractions}},
	{"wrong lookup multiplicity", "attention", func(t *testing.T, x *example) []byte {
		return x.proveBy(func(w *witness) { w.nodes[1].fineCount[5]++ })
	}, []assay.Code{sumcheck.CodeFractions}},
	{"multiplicities other than committed", "attention", func(t *testing.T, x *example) []byte {
		return x.afterwards(func(w *witness) { w.nodes[1].fineCount[5]++ })
	}, []assay.Code{sumcheck.CodeFractions}},
	{"remainder out of range", "mlp", func(t *testing.T, x *example) []byte {
		return x.proveBy(func(w *witness) {
			n := &w.nodes[0]
			n.remainder[0] += 16 // the node's shift is 4
			n.coarse[0]--
		})
	}, []assay.Code{sumcheck.CodeFractions}},
	{"remainder moved with its counts", "mlp", func(t *testing.T, x *example) []byte {
		return x.proveBy(func(w *witness) {
			n := &w.nodes[0]
			n.cutCount[n.remainder[0]]--
			n.remainder[0] = (n.remainder[0] + 1) % 16
			n.cutCount[n.remainder[0]]++
		})
	}, []assay.Code{sumcheck.CodeSum}},
	{"tensor other than committed", "cnn", func(t *testing.T, x *example) []byte {
		return x.afterwards(func(w *witness) {
			w.tensors[1] = slices.Clone(w.tensors[1])
			w.tensors[1][2]++
		})
	}, []assay.Code{sumcheck.CodeSum, sumcheck.CodeMerge, sumcheck.CodeOpening}},
	{"remainder claimed other than committed", "mlp", func(t *testing.T, x *example) []byte {
		return x.afterwards(func(w *witness) {
			n := &w.nodes[1]
			n.remainder = slices.Clone(n.remainder)
			a, b := n.remainder[0], n.remainder[1]
			n.remainder[0], n.remainder[1] = b, a
		})
	}, []assay.Code{sumcheck.CodeSum}},
	{"addend other than committed", "mlp", func(t *testing.T, x *example) []byte {
		return x.afterwards(func(w *witness) {
			w.tensors[2] = slices.Clone(w.tensors[2])
			w.tensors[2][1] ^= 1
		})
	}, []assay.Code{CodeValue}},
	{"addend other than committed, with the sum that it gives", "mlp", func(t *testing.T, x *example) []byte {
		w, layout := witnessOf(x.Graph, x.trace), planOf(x.Graph)
		flat := w.flat(&layout)
		x.lieAbout(t, 2, 2, func(data []int8) { data[1] ^= 1 })
		return prove(x.Statement, x.params, witnessOf(x.Graph, x.trace), flat, x.committed, nil)
	}, []assay.Code{sumcheck.CodeSum, sumcheck.CodeMerge, sumcheck.CodeFractions}},
	{"a whole other evaluation than committed", "cnn", func(t *testing.T, x *example) []byte {
		w, layout := witnessOf(x.Graph, x.trace), planOf(x.Graph)
		flat, input := w.flat(&layout), x.Input
		x.Input = slices.Clone(input)
		x.Input[0] ^= 64
		x.evaluate(t)
		other := witnessOf(x.Graph, x.trace)
		return prove(x.Statement, x.params, other, flat, x.committed, nil)
	}, []assay.Code{sumcheck.CodeSum, sumcheck.CodeMerge}},
	{"neighbour other than committed", "maxpool last", func(t *testing.T, x *example) []byte {
		return x.afterwards(func(w *witness) {
			n := &w.nodes[0]
			n.middle = slices.Clone(n.middle)
			n.middle[0]--
		})
	}, []assay.Code{CodeValue, sumcheck.CodeSum}},
	{"a smaller maximum", "cnn", func(t *testing.T, x *example) []byte {
		x.lieAbout(t, 5, 5, func(data []int8) { data[0]-- })
		return x.prove()
	}, []assay.Code{sumcheck.CodeFractions}},
	{"a larger maximum", "maxpool last", func(t *testing.T, x *example) []byte {
		x.trace.Tensors[1][0] = 127
		x.Output = x.Graph.OutputOf(x.trace)
		return x.proveBy(func(w *witness) {})
	}, []assay.Code{sumcheck.CodeFractions}},
	{"a maximum that skips the middle", "maxpool last", func(t *testing.T, x *example) []byte {
		return x.proveBy(func(w *witness) { w.nodes[0].middle = make([]int32, len(w.nodes[0].middle)) })
	}, []assay.Code{sumcheck.CodeFractions, CodeValue}},
	{"other weights", "mlp", func(t *testing.T, x *example) []byte {
		x.params.Weights[0] = slices.Clone(x.params.Weights[0])
		x.params.Weights[0][5] ^= 4
		x.evaluate(t)
		x.committed = CommitWeights(x.Graph, x.params, nil)
		return x.prove()
	}, []assay.Code{sumcheck.CodeSum, sumcheck.CodePath}},
	{"other weights under the model's commitment", "mlp", func(t *testing.T, x *example) []byte {
		x.params.Weights[0] = slices.Clone(x.params.Weights[0])
		x.params.Weights[0][5] ^= 4
		x.evaluate(t)
		return x.prove()
	}, []assay.Code{sumcheck.CodeSum, sumcheck.CodeMerge}},
	{"other biases", "cnn", func(t *testing.T, x *example) []byte {
		x.params.Biases[0] = slices.Clone(x.params.Biases[0])
		x.params.Biases[0][1] += 900
		x.evaluate(t)
		return x.prove()
	}, []assay.Code{sumcheck.CodeSum, sumcheck.CodeMerge}},
	{"other input", "mlp", func(t *testing.T, x *example) []byte {
		input := x.Input
		x.Input = slices.Clone(input)
		x.Input[2] ^= 8
		x.evaluate(t)
		x.Input = input
		return x.prove()
	}, []assay.Code{CodeValue}},
	{"layers swapped", "attention", func(t *testing.T, x *example) []byte {
		p := *x.params
		p.Weights, p.Biases = slices.Clone(p.Weights), slices.Clone(p.Biases)
		p.Weights[0], p.Weights[1] = p.Weights[1], p.Weights[0]
		p.Biases[0], p.Biases[1] = p.Biases[1], p.Biases[0]
		x.params = &p
		x.evaluate(t)
		return x.prove()
	}, []assay.Code{sumcheck.CodeSum, sumcheck.CodeMerge}},
	{"padding other than the fill", "cnn", func(t *testing.T, x *example) []byte {
		n := &x.Graph.Model.Nodes[0]
		n.Window.Fill = 0
		x.evaluate(t)
		proof := x.prove()
		n.Window.Fill = -4
		return proof
	}, []assay.Code{CodeValue, sumcheck.CodeSum}},
	{"window in another place than the model's", "cnn", func(t *testing.T, x *example) []byte {
		n := &x.Graph.Model.Nodes[3] // its padding reads as zero, so that only the lines' weights tell
		pad := n.Window.Pad
		n.Window.Pad = [4]uint32{2, 1, 0, 1}
		x.evaluate(t)
		proof := x.prove()
		n.Window.Pad = pad
		return proof
	}, []assay.Code{CodeValue}},
	{"clamp other than the model's", "mlp", func(t *testing.T, x *example) []byte {
		r := x.Graph.Model.Nodes[0].Requant
		low := r.Low
		r.Low = -128
		x.evaluate(t)
		proof := x.prove()
		r.Low = low
		return proof
	}, []assay.Code{sumcheck.CodeSum, sumcheck.CodeLookup, sumcheck.CodeFractions}},
	{"garbage where tensors are padded", "mlp", func(t *testing.T, x *example) []byte {
		// Three of four rows of the batch are real: what a prover writes into the
		// fourth must not reach the others. The sums there do not even have to be a
		// function of it.
		return x.proveBy(func(w *witness) { w.tensors[1][3*16+1] = 77 })
	}, []assay.Code{sumcheck.CodeSum}},
}

func TestCheatingProversAreRefused(t *testing.T) {
	for _, c := range cheats {
		t.Run(c.name, func(t *testing.T) {
			x := build(t, networks()[c.network], 3)
			honest := x.prove()
			if err := Verify(x.Statement, honest); err != nil {
				t.Fatal(err)
			}
			proof := c.prove(t, x)
			if bytes.Equal(honest, proof) {
				t.Fatal("the lie changed nothing")
			}
			err := Verify(x.Statement, proof)
			if err == nil {
				t.Fatal("accepted")
			}
			if !slices.Contains(c.codes, assay.CodeOf(err)) {
				t.Fatalf("refused by %q: %v; want one of %v", assay.CodeOf(err), err, c.codes)
			}
		})
	}
}

// TestProofIsOfOneContext shows a proof to verifiers that expect another one.
func TestProofIsOfOneContext(t *testing.T) {
	x := build(t, networks()["cnn"], 2)
	proof := x.prove()
	for name, change := range map[string]func(s *Statement){
		"network": func(s *Statement) { s.Context.Network[0] ^= 1 },
		"job":     func(s *Statement) { s.Context.Job[31] ^= 1 },
		"model":   func(s *Statement) { s.Context.Model[5] ^= 1 },
		"payee":   func(s *Statement) { s.Context.Payee[9] ^= 1 },
		"input":   func(s *Statement) { s.Input = slices.Clone(s.Input); s.Input[0] ^= 1 },
		"output":  func(s *Statement) { s.Output = slices.Clone(s.Output); s.Output[0] ^= 1 },
	} {
		s := x.Statement
		change(&s)
		if err := Verify(s, proof); err == nil {
			t.Errorf("accepted under another %s", name)
		} else if malformed(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEveryByteCounts changes one bit in every byte of a proof, and its length.
func TestEveryByteCounts(t *testing.T) {
	for name, step := range map[string]int{"dense raw": 1, "maxpool last": 19, "cnn": 3001} {
		x := build(t, networks()[name], 2)
		proof := x.prove()
		if testing.Short() {
			step *= 41
		}
		for i := 0; i < len(proof); i += step {
			bad := slices.Clone(proof)
			bad[i] ^= 1 << (i % 8)
			if err := Verify(x.Statement, bad); err == nil {
				t.Fatalf("%s: accepted with byte %d changed", name, i)
			}
		}
		for _, n := range []int{0, 1, 15, 16, len(proof) / 2, len(proof) - 1} {
			if err := Verify(x.Statement, proof[:n]); err == nil || !malformed(err) && n < 16 {
				t.Fatalf("%s: %d of %d bytes: %v", name, n, len(proof), err)
			}
		}
		if err := Verify(x.Statement, append(slices.Clone(proof), 0)); assay.CodeOf(err) != sumcheck.CodeLong {
			t.Fatalf("a byte more: %v", err)
		}
	}
}

// TestOutputIsANumber refuses sums that are the right ones modulo the field only.
func TestOutputIsANumber(t *testing.T) {
	x := build(t, networks()["dense raw"], 2)
	proof := x.prove()
	sums := int32s(x.Output)
	wrapped := int64(sums[0]) - sumcheck.Modulus
	if sums[0] < 0 {
		wrapped = int64(sums[0]) + sumcheck.Modulus
	}
	s := x.Statement
	s.Output = slices.Clone(s.Output)
	for i := range 4 {
		s.Output[i] = byte(wrapped >> (8 * i))
	}
	if err := Verify(s, proof); assay.CodeOf(err) != CodeOutput {
		t.Fatalf("%d in the place of %d: %v", wrapped, sums[0], err)
	}
	if err := Verify(Statement{x.Context, x.Graph, x.Input[1:], x.Output}, proof); assay.CodeOf(err) != CodeInput {
		t.Fatal(err)
	}
	if err := Verify(Statement{x.Context, x.Graph, x.Input, x.Output[1:]}, proof); assay.CodeOf(err) != CodeOutput {
		t.Fatal(err)
	}
}
