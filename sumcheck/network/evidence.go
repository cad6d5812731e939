package network

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/machine/tensor"
	"github.com/capacloud/assay/merkle"
)

// MaxEvidence bounds the encoding of evidence, in bytes.
const MaxEvidence = 4 << 20

// Evidence is what a seat shows to the check `sumcheck`.
type Evidence struct {
	_      struct{} `cbor:",toarray"`
	Seat   uint16
	Model  []byte // the descriptor: the job's program
	Input  []byte // the job's standard input
	Output []byte // standard output of the result
	Proof  []byte
}

// Matrices is what a seat shows to the check `freivalds`: first its digest alone,
// as Commitment, and when a beacon has come after that, all the rest.
type Matrices struct {
	_          struct{} `cbor:",toarray"`
	Seat       uint16
	Commitment assay.Digest // assay.EvidenceDigest of the second evidence; zero in that
	Model      []byte
	Input      []byte
	Weights    []byte // the weights file
	Sums       []byte // of every node that has any, in order, int32 little-endian
}

// Bytes returns the canonical encoding.
func (e *Evidence) Bytes() []byte { return canon.Marshal(e) }

// Bytes returns the canonical encoding.
func (e *Matrices) Bytes() []byte { return canon.Marshal(e) }

// ParseEvidence reads an evidence strictly.
func ParseEvidence(b []byte) (*Evidence, error) {
	e := new(Evidence)
	return e, parse(b, e)
}

// ParseMatrices reads the evidence of `freivalds` strictly.
func ParseMatrices(b []byte) (*Matrices, error) {
	e := new(Matrices)
	if err := parse(b, e); err != nil {
		return nil, err
	}
	empty := len(e.Model)+len(e.Input)+len(e.Weights)+len(e.Sums) == 0
	if e.Commitment.IsZero() == empty {
		return nil, assay.Refuse(CodeEvidence, "want either a commitment or the matrices")
	}
	return e, nil
}

func parse(b []byte, e any) error {
	if len(b) > MaxEvidence {
		return assay.Refuse(CodeEvidence, "%d bytes; at most %d", len(b), MaxEvidence)
	}
	if err := canon.Unmarshal(b, e); err != nil {
		return assay.Refuse(CodeEvidence, "%v", err)
	}
	return nil
}

// graphOf reads the descriptor of an evidence, which has to be the job's program,
// and compares the input with the job's.
func graphOf(job *assay.Job, model, input []byte) (*tensor.Graph, error) {
	if job.Runtime != assay.RuntimeInt8 {
		return nil, assay.Refuse(CodeDescriptor, "the job is of runtime %.40q", job.Runtime)
	}
	if len(model) > tensor.MaxDescriptor || tensor.Digest(model) != job.Program {
		return nil, assay.Refuse(CodeDescriptor, "%s is the job's program", job.Program)
	}
	if merkle.FileOf(input) != job.Stdin {
		return nil, assay.Refuse(CodeInput, "%s is the job's standard input", job.Stdin)
	}
	return tensor.Parse(model)
}

// OutputRoot returns the output of a job whose standard output is the given
// bytes: a folder of an empty folder out, an empty stderr, and stdout.
func OutputRoot(stdout []byte) assay.Digest {
	return merkle.FolderDigest([]merkle.Entry{
		{Name: "out", Kind: merkle.Folder, Digest: merkle.FolderDigest(nil)},
		{Name: "stderr", Kind: merkle.File, Digest: merkle.FileOf(nil)},
		{Name: "stdout", Kind: merkle.File, Digest: merkle.FileOf(stdout), Size: uint64(len(stdout))},
	})
}
