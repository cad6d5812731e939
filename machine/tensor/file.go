package tensor

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// Extension is the name ending of model files.
const Extension = ".int8"

// magic begins every model file.
const magic = "assay int8/1 model"

// bundle is a model file: the descriptor and the weights that it names.
type bundle struct {
	_          struct{} `cbor:",toarray"`
	Magic      string
	Descriptor []byte
	Weights    []byte
}

// File returns a model file, for people to pass around: on a network the
// descriptor is a program of its own, and the weights are fetched by digest.
func File(descriptor, weights []byte) []byte {
	return canon.Marshal(&bundle{Magic: magic, Descriptor: descriptor, Weights: weights})
}

// OpenFile reads a model file strictly. That the commitment is one to the weights
// is for whoever executes the model to check.
func OpenFile(b []byte) (descriptor, weights []byte, err error) {
	var f bundle
	if err := canon.Unmarshal(b, &f); err != nil {
		return nil, nil, assay.Refuse(CodeEncoding, "%v", err)
	}
	if f.Magic != magic {
		return nil, nil, assay.Refuse(CodeEncoding, "no model file: it begins with %.40q", f.Magic)
	}
	g, err := Parse(f.Descriptor)
	if err != nil {
		return nil, nil, err
	}
	if _, err := g.ReadParams(f.Weights); err != nil {
		return nil, nil, err
	}
	if merkle.FileOf(f.Weights) != g.Model.Weights {
		return nil, nil, assay.Refuse(CodeWeights, "the weights are not those that the descriptor names")
	}
	return f.Descriptor, f.Weights, nil
}
