package network

import (
	"github.com/capacloud/assay/machine/tensor"
	"github.com/capacloud/assay/merkle"
)

// Seal names the weights of a model in its descriptor, by digest and by
// commitment, and returns the descriptor and the weights file. It refuses what an
// executor would.
func Seal(m tensor.Model, params *tensor.Params, parallel Parallel) (descriptor, weights []byte, err error) {
	g, err := tensor.Check(&m)
	if err != nil {
		return nil, nil, err
	}
	weights = params.Bytes()
	if params, err = g.ReadParams(weights); err != nil {
		return nil, nil, err
	}
	m.Weights = merkle.FileOf(weights)
	if c := CommitWeights(g, params, parallel); c != nil {
		m.Commitment = c.Commitment().Root
	}
	descriptor = m.Bytes()
	if _, err := tensor.Parse(descriptor); err != nil {
		return nil, nil, err
	}
	return descriptor, weights, nil
}
