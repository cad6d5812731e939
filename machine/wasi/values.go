package wasi

import (
	"encoding/binary"

	"github.com/capacloud/assay/canon"
)

// This file has the calls that answer from the job alone: arguments,
// environment, clocks and random bytes.

func (h *Host) stringsSizes(list []string, countAt, bytesAt uint32) Errno {
	total := uint32(0)
	for _, s := range list {
		total += uint32(len(s)) + 1
	}
	if !h.inside(countAt, 4) || !h.inside(bytesAt, 4) {
		return Fault
	}
	h.putU32(countAt, uint32(len(list)))
	return h.putU32(bytesAt, total)
}

// stringsGet writes an array of pointers to the strings, and then the strings
// one behind the other, each with a zero byte. Call.Index counts the bytes of
// both that are written.
func (h *Host) stringsGet(list []string, pointersAt, bytesAt uint32) Errno {
	c := &h.Registers.Call
	var pointers, bytes []byte
	for _, s := range list {
		pointers = binary.LittleEndian.AppendUint32(pointers, bytesAt+uint32(len(bytes)))
		bytes = append(append(bytes, s...), 0)
	}
	if c.Phase == phaseStart {
		if !h.inside(pointersAt, uint32(len(pointers))) || !h.inside(bytesAt, uint32(len(bytes))) {
			return Fault
		}
		if !h.spendBytes(uint64(len(pointers) + len(bytes))) {
			return Success
		}
	}
	left := stepBytes
	for _, part := range [...]struct {
		at    uint32
		bytes []byte
		from  uint64 // of what Index counts
	}{{pointersAt, pointers, 0}, {bytesAt, bytes, uint64(len(pointers))}} {
		if c.Index < part.from || c.Index >= part.from+uint64(len(part.bytes)) {
			continue
		}
		done := c.Index - part.from
		k := min(left, len(part.bytes)-int(done))
		h.put(part.at+uint32(done), part.bytes[done:int(done)+k])
		left -= k
		c.Index += uint64(k)
	}
	if c.Index < uint64(len(pointers)+len(bytes)) {
		return h.later(phaseWork)
	}
	return Success
}

func (h *Host) clockRes(id, at uint32) Errno {
	if id > lastClock {
		return Inval
	}
	return h.putU64(at, ClockStep)
}

func (h *Host) clockTime(id, at uint32) Errno {
	if id > lastClock {
		return Inval
	}
	if errno := h.putU64(at, h.reading(id)); errno != Success {
		return errno
	}
	h.advance(ClockStep)
	return Success
}

// reading returns what a clock shows. All but realtime start one step above
// zero, since guests take a zero for a broken clock.
func (h *Host) reading(id uint32) uint64 { return h.Registers.Clock + h.origin(id) }

func (h *Host) origin(id uint32) uint64 {
	if id == clockRealtime {
		return uint64(h.cfg.Start) * 1_000_000
	}
	return ClockStep
}

func (h *Host) advance(ns uint64) {
	r := h.Registers
	r.Clock = min(r.Clock+min(ns, maxClock), maxClock)
}

// random writes n bytes of the job's stream. Block i is H("assay/random/1",
// seed and index and i as little-endian integers); each call begins a new
// block and drops what it does not need of its last, so the state is a counter.
// Call.Index counts the bytes written.
func (h *Host) random(at, n uint32) Errno {
	r, c := h.Registers, &h.Registers.Call
	if c.Phase == phaseStart {
		if !h.inside(at, n) {
			return Fault
		}
		if !h.spendBytes(uint64(n)) || !h.spend(StepFuel*((uint64(n)+31)/32)) {
			return Success
		}
	}
	var in [20]byte
	binary.LittleEndian.PutUint64(in[:], h.cfg.Seed)
	binary.LittleEndian.PutUint32(in[8:], h.cfg.Index)
	for end := min(c.Index+stepBytes, uint64(n)); c.Index < end; r.Random++ {
		binary.LittleEndian.PutUint64(in[12:], r.Random)
		block := canon.Hash("assay/random/1", in[:])
		k := min(uint64(n)-c.Index, uint64(len(block)))
		h.put(at+uint32(c.Index), block[:k])
		c.Index += k
	}
	if c.Index < uint64(n) {
		return h.later(phaseWork)
	}
	return Success
}
