package step

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/machine/wasm"
)

// Bounds of positions. A dispute cuts them into 32 parts at a time.
const (
	arity = 32
	// maxPositions is the most positions of a run.
	maxPositions = 1 << 60
	// maxEpochs is the most epochs whose boundaries have a position.
	maxEpochs = 1 << 20
	// stepsPerFuel is above the steps that a unit of fuel pays for, see Bound.
	stepsPerFuel = 4
	// stepsUnpaid is above the steps that are taken while fuel is below zero.
	stepsUnpaid = 1 << 26
	// stepsPerFile is above those of finishing for each file and folder, and
	// outputPerStep is what each hashes of a file.
	stepsPerFile  = 4
	outputPerStep = 32 << 10
	stepsAtOnce   = 1 << 10
)

// Bound returns a number of steps above that of every run of a job with these
// limits, to the halted state, without those in which an epoch idles.
//
// An operator costs at least one unit of fuel each time that it is executed, and
// what the lowering makes of it is at most:
//
//   - three instructions for the operator itself. The most are those of br_if and
//     br_table that move operands: branch or table, move, jump. call is the call
//     and its return; if is the branch and the jump at the end of the first arm;
//     all others are one.
//   - one for a constant, a copy of a local or an i32.wrap_i64 that has to be put
//     into its slot, instead of the above, once for each that was pushed.
//
// Whatever costs no fuel is no step: block, else, end, and a loop whose block is
// free. A block that costs something has at most one instruction to charge it. So
// much for four. Parts of one operator are paid for by the part: zeroing of 512
// locals by 8 units, 4 KiB of a bulk operation by 64, a part of a host call by
// 20 or more (path_rename, which climbs 1,024 folders in 64 parts, costs 1,000).
//
// Fuel is below zero for the rest of one body, from the comparison before, and
// that of the body behind its return: there is no loop, no call and no second
// return without a comparison. An operator has at least one byte, and bodies have
// a limit.
//
// Finishing goes down to and closes each file and folder, and takes 32 KiB of
// a file at a time.
func Bound(l *assay.Limits) uint64 {
	return stepsPerFuel*l.Fuel + stepsUnpaid + l.Output/outputPerStep + uint64(l.Files)*stepsPerFile + stepsAtOnce
}

// EpochSpan returns the number of positions that each epoch of a job with these
// limits takes: a power of 32 above Bound. The state at position e·span, e from
// 1 on, is that of boundary e, if the run comes so far and e is below Epochs.
func EpochSpan(l *assay.Limits) uint64 {
	span := uint64(arity)
	for span <= Bound(l)+1 {
		span *= arity
	}
	return span
}

// Epochs returns the most epochs of a job with these limits. Whatever a program
// does after the last one has begun belongs to it: no boundary follows.
func Epochs(l *assay.Limits) uint32 {
	return uint32(min(maxPositions/EpochSpan(l), maxEpochs))
}

// Positions returns a number of positions above that of every run of a program:
// a dispute about a whole run spans as many.
func Positions(im *wasm.Image, l *assay.Limits) uint64 {
	if !im.Epochs {
		return Bound(l)
	}
	return uint64(Epochs(l)) * EpochSpan(l)
}

// Position returns the number of steps that lead to the state of an epoch
// program; false of others, which do not count.
func (r *Record) Position(l *assay.Limits) (uint64, bool) {
	if r.Epoch == 0 {
		return 0, false
	}
	return uint64(r.Epoch-1)*EpochSpan(l) + r.Tick, true
}

// Boundary returns the number of the boundary at which a record stands: 1 is
// that behind the initialisation. False if it is at none.
func (r *Record) Boundary() (uint32, bool) {
	if r.Epoch < 2 || r.Tick != 0 {
		return 0, false
	}
	return r.Epoch - 1, true
}

// Idles reports whether the machine waits for the end of its epoch's span, and
// how many steps that takes.
func (r *Record) Idles(in wasm.Op, l *assay.Limits) (uint64, bool) {
	if in != wasm.OpEpoch || r.Phase != Running || r.Epoch == 0 || r.Progress != 1 {
		return 0, false
	}
	return max(EpochSpan(l), r.Tick+1) - r.Tick, true
}

// tick counts a step of an epoch program.
func (r *Record) tick() {
	if r.Epoch > 0 && r.Phase != Halted {
		r.Tick++
	}
}

// epoch carries out OpEpoch.
func (m *machineStep) epoch() (wasm.TrapCode, error) {
	r, limits := m.r, &m.job.Limits
	switch {
	case r.Progress == 0:
		items := uint64(m.im.Globals)
		for _, n := range r.Tables {
			items += uint64(n)
		}
		m.charge(wasm.BoundaryFuel(r.Pages, items))
		if trap := m.compare(); trap != wasm.TrapNone {
			return trap, nil
		}
		m.s.Clear(machine.Slots, 0, machine.Slots.Bytes())
		if r.Epoch >= Epochs(limits) {
			return m.next()
		}
		r.Progress = 1
	case r.Tick >= EpochSpan(limits):
		r.Epoch++
		r.Tick, r.Progress = 0, 0
		return m.next()
	}
	return wasm.TrapNone, nil
}

// BoundaryRecord returns what image, job and number say about the record of a
// boundary. Fuel, pages, sizes of tables, host registers, and the roots of all
// regions but slots and dropped segments are left to be filled in.
func BoundaryRecord(image canon.Digest, pc uint32, l *assay.Limits, boundary uint32) Record {
	return Record{Epoch: boundary + 1, PC: pc, Frames: l.Frames, Slots: l.Slots, Image: image, Roots: zeroRoots()}
}
