package board

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/dispute"
	"github.com/capacloud/assay/machine/step"
	"github.com/capacloud/assay/machine/wasm"
)

// wasmReferee is the machine of wasm/1: package step, over an image of package
// wasm.
type wasmReferee struct{}

func (wasmReferee) Version() string { return wasm.MachineVersion }

func (wasmReferee) Steps(job *assay.Job, fuel uint64) uint64 {
	limits := job.Limits
	limits.Fuel = fuel
	return step.Bound(&limits)
}

func (wasmReferee) Positions(image []byte, job *assay.Job) uint64 {
	if len(image) == 0 {
		return uint64(step.Epochs(&job.Limits)) * step.EpochSpan(&job.Limits)
	}
	im, err := wasm.DecodeImage(image)
	if err != nil {
		return 0 // Machine refuses it
	}
	return step.Positions(im, &job.Limits)
}

// EpochSpan implements EpochReferee.
func (wasmReferee) EpochSpan(job *assay.Job) (uint64, uint32) {
	return step.EpochSpan(&job.Limits), step.Epochs(&job.Limits) - 1
}

func (wasmReferee) Lower(program []byte) Lowering { return wasmLowering{wasm.NewImage(program)} }

func (wasmReferee) Machine(image []byte, job *assay.Job) (assay.Digest, dispute.Machine, error) {
	im, err := wasm.DecodeImage(image)
	if err != nil {
		return assay.Digest{}, nil, assay.Refuse(CodeImage, "%v", err)
	}
	start := step.Start(im, job)
	return start.Root(), &wasmMachine{image: im, digest: im.Digest(), job: job}, nil
}

type wasmLowering struct{ *wasm.Lowering }

func (l wasmLowering) Image() []byte { return l.Lowering.Image().Encode() }

// wasmMachine is the referee of one job.
type wasmMachine struct {
	image  *wasm.Image
	digest assay.Digest
	job    *assay.Job
}

// Last implements dispute.Machine.
func (m *wasmMachine) Last(record []byte) (root, result assay.Digest, err error) {
	r, err := step.DecodeRecord(record)
	if err != nil {
		return root, result, assay.Refuse(dispute.CodeEnd, "%v", err)
	}
	if r.Image != m.digest {
		return root, result, assay.Refuse(dispute.CodeEnd, "the record is of another program")
	}
	last, halted := r.Result(m.image, &m.job.Limits)
	if !halted {
		return root, result, assay.Refuse(dispute.CodeEnd, "the record is of a machine that runs")
	}
	if err := last.Validate(); err != nil {
		return root, result, assay.Refuse(dispute.CodeEnd, "%v", err)
	}
	return r.Root(), last.Digest(), nil
}

// Run implements dispute.Machine.
func (m *wasmMachine) Run(start assay.Digest, steps uint64, witness []byte) (dispute.Segment, error) {
	s, err := step.Referee(m.image, m.job, start, steps, witness)
	if err != nil {
		return dispute.Segment{}, err
	}
	return dispute.Segment{End: s.End, Steps: steps, Bytes: uint64(len(witness))}, nil
}
