package network

import (
	"fmt"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/evidence"
	"github.com/capacloud/assay/machine/tensor"
	"github.com/capacloud/assay/sumcheck"
)

// Fits refuses a job about which neither check can show anything.
func Fits(job *assay.Job) error {
	if job.Runtime != assay.RuntimeInt8 {
		return assay.Refuse(CodeDescriptor, "the job is of runtime %.40q; this check is about %s", job.Runtime, assay.RuntimeInt8)
	}
	return nil
}

// Sumcheck returns the check `sumcheck`.
func Sumcheck() assay.Check { return succinct{} }

type succinct struct{}

// String returns the canonical policy text.
func (succinct) String() string { return "sumcheck" }

// Step verifies a proof. What is not about the job, or about the result that the
// seat has opened, is refused; a proof that is false is held against the seat.
func (succinct) Step(v assay.View, state []byte, e assay.Evidence) ([]byte, error) {
	st, err := evidence.Read(state)
	if err != nil {
		return nil, err
	}
	x, err := ParseEvidence(e.Body)
	if err != nil {
		return nil, err
	}
	candidate, err := opened(v, e.From, x.Seat, x.Output)
	if err != nil {
		return nil, err
	}
	g, err := graphOf(v.Job, x.Model, x.Input)
	if err != nil {
		return nil, err
	}
	s := Statement{Context: contextOf(v.Network, v.Job, e.From), Graph: g, Input: x.Input, Output: x.Output}
	p := evidence.Proof{Seat: x.Seat, Candidate: candidate}
	if err := Verify(s, x.Proof); err != nil {
		if malformed(err) {
			return nil, err
		}
		p.False = err.Error()
	} else {
		p.Text = fmt.Sprintf("proved by sumcheck: the network of %d nodes and %d multiplications makes this output of the job's input", len(g.Model.Nodes), g.Work)
		p.Assume = []assay.Assumption{fiatShamir(Bits(g)), commitment()}
	}
	err = st.Show(v, p)
	return st.Bytes(), err
}

// Judge supports what was proved.
func (succinct) Judge(v assay.View, state []byte) assay.Finding { return judge(v, state) }

func judge(v assay.View, state []byte) assay.Finding {
	st, err := evidence.Read(state)
	if err != nil {
		return evidence.Unreadable(err)
	}
	return st.Judge(v, evidence.Rule{Unique: true})
}

// contextOf returns what a proof is bound to.
func contextOf(network assay.NetworkID, job *assay.Job, payee assay.Key) sumcheck.Context {
	return sumcheck.Context{Network: network, Job: job.ID(), Model: job.Program, Payee: payee}
}

// opened returns the result that the sender's seat has opened, which has to be
// the one with this output.
func opened(v assay.View, from assay.Key, seat uint16, output []byte) (assay.Digest, error) {
	i := slices.IndexFunc(v.Executions, func(s assay.Execution) bool { return s.Seat == seat && s.Provider == from })
	if i < 0 {
		return assay.Digest{}, assay.Refuse(CodeSeat, "seat %d is not that of %s", seat, from.Short())
	}
	k := slices.IndexFunc(v.Candidates, func(c assay.Candidate) bool { return c.Digest == v.Executions[i].Result })
	if k < 0 {
		return assay.Digest{}, assay.Refuse(CodeSeat, "seat %d has opened nothing", seat)
	}
	if want, r := (assay.Result{Status: assay.Exited, Output: OutputRoot(output)}), v.Candidates[k].Result; r != want {
		return assay.Digest{}, assay.Refuse(CodeOutput, "the seat opened output %s, the evidence is about %s", r.Output.Short(), want.Output.Short())
	}
	return v.Candidates[k].Digest, nil
}

// malformed reports whether a proof cannot be read, which is refused, rather
// than false.
func malformed(err error) bool {
	switch assay.CodeOf(err) {
	case sumcheck.CodeShort, sumcheck.CodeLong, sumcheck.CodeSize, sumcheck.CodeElement, CodeInput, CodeOutput:
		return true
	}
	return false
}

func fiatShamir(bits int) assay.Assumption {
	return assay.Assumption{Code: CodeFiatShamir, Text: fmt.Sprintf("%d bits: the proof's challenges are SHA-256 of what came before them", bits)}
}

func commitment() assay.Assumption {
	return assay.Assumption{Code: CodeModel, Text: "the descriptor's commitment is one to its weights file, of int8 that keep the declared bounds: executors check it, this proof does not"}
}

// Costs of evidence, in gas: about 10 ns of one core each, with slack of about
// two over what the benchmarks of this package measure.
const (
	gasProof = 1_000_000 // openings, transcripts, rounds
	gasNode  = 100_000   // the rounds of one node
	gasRow   = 8         // of a table, hashed and evaluated
	gasEntry = 8         // of input and output, padded
	gasByte  = 2         // read, decoded, hashed, projected
)

// Gas returns an upper bound of what Step costs on evidence for `sumcheck`. It
// reads the descriptor alone.
func SumcheckGas(body []byte) uint64 {
	gas := gasProof + gasByte*uint64(len(body))
	g := peek(body)
	if g == nil {
		return gas
	}
	for i := range g.Model.Nodes {
		gas += gasNode
		if n := &g.Model.Nodes[i]; n.Requant != nil {
			gas += gasRow * (1<<n.Requant.TableBits(n.Bound) + 1<<n.Requant.Shift)
		}
	}
	// Each claim about input and output evaluates them once; no node makes more
	// than four about one.
	entries := uint64(1)<<g.Input().Bits() + uint64(1)<<g.Output().Bits()
	return gas + gasEntry*entries*readers(g)
}

// readers returns how often input and output may be evaluated.
func readers(g *tensor.Graph) uint64 {
	count := uint64(1)
	for i := range g.Model.Nodes {
		for _, t := range g.Model.Nodes[i].Inputs {
			if t == 0 {
				count += 2
			}
		}
	}
	return count
}

// peek reads the descriptor out of evidence without decoding the rest: an array
// of which the second entry is a string of bytes, the third where a commitment
// may come first. It returns nil where there is none to read.
func peek(body []byte) *tensor.Graph {
	if len(body) < 2 || body[0]>>5 != 4 {
		return nil
	}
	b := body[1:]
	for range 3 {
		kind, n, head := item(b)
		if head == 0 {
			return nil
		}
		b = b[head:]
		if kind != 2 {
			continue
		}
		if n > uint64(len(b)) {
			return nil
		}
		if n == uint64(len(assay.Digest{})) {
			b = b[n:]
			continue
		}
		if n > tensor.MaxDescriptor {
			return nil
		}
		g, err := tensor.Parse(b[:n])
		if err != nil {
			return nil
		}
		return g
	}
	return nil
}

// item reads the head of a CBOR item: its major type, its number, and how many
// bytes they take; 0 of what is none of ours.
func item(b []byte) (kind byte, n uint64, head int) {
	if len(b) == 0 {
		return 0, 0, 0
	}
	kind, low := b[0]>>5, int(b[0]&31)
	if low < 24 {
		return kind, uint64(low), 1
	}
	size := 1 << (low - 24)
	if low > 27 || len(b) < 1+size {
		return 0, 0, 0
	}
	for _, x := range b[1 : 1+size] {
		n = n<<8 | uint64(x)
	}
	return kind, n, 1 + size
}
