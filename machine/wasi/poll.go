package wasi

import "encoding/binary"

// Layout of preview 1's subscription and event.
const (
	subscriptionBytes = 48
	eventBytes        = 32
	// stepSubscriptions is the number that one micro-step answers.
	stepSubscriptions = 16
)

// poll answers at once: every descriptor is always ready, and time is ours to
// move. If nothing but clocks is asked for and none is due, the clock moves to
// the earliest due time. Then the poll itself takes one step, so that a guest
// that polls in a circle sees time pass.
//
// Events gather in the scratch area, since they may be written over the
// subscriptions. Call.Base is the clock at which they are answered, Index the
// number answered and Whole the number of events.
func (h *Host) poll(in, out, count, at uint32) Errno {
	c := &h.Registers.Call
	if c.Phase == phaseStart {
		if ok, errno := h.beginPoll(in, out, count, at); !ok {
			return errno
		}
	}
	end := min(c.Index+stepSubscriptions, uint64(count))
	for ; c.Index < end; c.Index++ {
		sub, _ := h.mem.Read(in+uint32(c.Index)*subscriptionBytes, subscriptionBytes)
		if errno := h.answer(sub); errno != Success {
			return errno
		}
	}
	if c.Index < uint64(count) {
		return h.later(phaseWork)
	}
	events := make([]byte, min(c.Whole, MaxSubscriptions)*eventBytes)
	h.files.LoadScratch(0, events)
	h.Registers.Clock = c.Base
	h.advance(ClockStep)
	h.put(out, events)
	return h.putU32(at, uint32(c.Whole))
}

// beginPoll checks, charges and finds the time; false if the call ends with
// that.
func (h *Host) beginPoll(in, out, count, at uint32) (bool, Errno) {
	if count == 0 || count > MaxSubscriptions {
		return false, Inval
	}
	subs, ok := h.mem.Read(in, count*subscriptionBytes)
	if !ok || !h.inside(out, count*eventBytes) || !h.inside(at, 4) {
		return false, Fault
	}
	if !h.spend(StepFuel * uint64(count)) {
		return false, Success
	}
	now := h.Registers.Clock
	if due, ok := h.firstDue(subs); ok {
		now = max(now, due)
	}
	h.Registers.Call.Base = now
	return true, Success
}

// firstDue returns when the earliest clock is due; false if something is ready
// without waiting.
func (h *Host) firstDue(subs []byte) (uint64, bool) {
	first := uint64(maxClock)
	for s := subs; len(s) > 0; s = s[subscriptionBytes:] {
		due, ok := h.due(s)
		if !ok {
			return 0, false
		}
		first = min(first, due)
	}
	return first, true
}

// due returns the value of Registers.Clock at which a clock subscription fires;
// false if it is no clock that exists.
func (h *Host) due(s []byte) (uint64, bool) {
	id := binary.LittleEndian.Uint32(s[16:])
	if s[8] != eventClock || id > lastClock {
		return 0, false
	}
	timeout := binary.LittleEndian.Uint64(s[24:])
	if binary.LittleEndian.Uint16(s[40:])&clockAbs == 0 {
		return min(h.Registers.Clock+min(timeout, maxClock), maxClock), true
	}
	return min(timeout-min(timeout, h.origin(id)), maxClock), true
}

// answer stores the event of a subscription that is ready.
func (h *Host) answer(s []byte) Errno {
	c := &h.Registers.Call
	if len(s) < subscriptionBytes || c.Whole >= MaxSubscriptions {
		return h.fail(ErrState) // the first micro-step has looked
	}
	var e [eventBytes]byte
	copy(e[:8], s[:8])
	e[10] = s[8]
	errno := Success
	switch s[8] {
	case eventClock:
		due, ok := h.due(s)
		if !ok {
			errno = Inval
		} else if due > c.Base {
			return Success
		}
	case eventFdRead, eventFdWrite:
		d, bad := h.descriptor(binary.LittleEndian.Uint32(s[16:]))
		switch {
		case bad != Success:
			errno = bad
		case s[8] == eventFdWrite:
			binary.LittleEndian.PutUint64(e[16:], MaxTransfer)
		default:
			size, err := h.files.Size(d.Node)
			if err != nil {
				return h.fail(err)
			}
			binary.LittleEndian.PutUint64(e[16:], size-min(size, d.Offset))
		}
	default:
		errno = Inval
	}
	binary.LittleEndian.PutUint16(e[8:], uint16(errno))
	h.files.StoreScratch(uint32(c.Whole)*eventBytes, e[:])
	c.Whole++
	return Success
}
