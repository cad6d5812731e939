package wasi

import "encoding/binary"

// Layout of preview 1's subscription and event.
const (
	subscriptionBytes = 48
	eventBytes        = 32
)

// poll answers at once: every descriptor is always ready, and time is ours to
// move. If nothing but clocks is asked for and none is due, the clock moves to
// the earliest due time. Then the poll itself takes one step, so that a guest
// that polls in a circle sees time pass.
func (h *Host) poll(in, out, count, at uint32) Errno {
	if count == 0 || count > MaxSubscriptions {
		return Inval
	}
	view, ok := h.mem.Read(in, count*subscriptionBytes)
	if !ok || !h.inside(out, count*eventBytes) || !h.inside(at, 4) {
		return Fault
	}
	if !h.spend(StepFuel * uint64(count)) {
		return Success
	}
	subs := append([]byte(nil), view...) // events may be written over them
	now := h.State.Clock
	if due, ok := h.firstDue(subs); ok {
		now = max(now, due)
	}
	var events []byte
	for s := subs; len(s) > 0; s = s[subscriptionBytes:] {
		events = h.appendEvent(events, s, now)
	}
	h.State.Clock = now
	h.advance(ClockStep)
	h.put(out, events)
	return h.putU32(at, uint32(len(events)/eventBytes))
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

// due returns the value of State.Clock at which a clock subscription fires;
// false if it is no clock that exists.
func (h *Host) due(s []byte) (uint64, bool) {
	id := binary.LittleEndian.Uint32(s[16:])
	if s[8] != eventClock || id > lastClock {
		return 0, false
	}
	timeout := binary.LittleEndian.Uint64(s[24:])
	if binary.LittleEndian.Uint16(s[40:])&clockAbs == 0 {
		return min(h.State.Clock+min(timeout, maxClock), maxClock), true
	}
	return min(timeout-min(timeout, h.origin(id)), maxClock), true
}

// appendEvent appends the event of a subscription that is ready.
func (h *Host) appendEvent(events, s []byte, now uint64) []byte {
	var e [eventBytes]byte
	copy(e[:8], s[:8])
	e[10] = s[8]
	errno := Success
	switch s[8] {
	case eventClock:
		due, ok := h.due(s)
		if !ok {
			errno = Inval
		} else if due > now {
			return events
		}
	case eventFdRead, eventFdWrite:
		d, bad := h.descriptor(binary.LittleEndian.Uint32(s[16:]))
		switch {
		case bad != Success:
			errno = bad
		case s[8] == eventFdWrite:
			binary.LittleEndian.PutUint64(e[16:], MaxTransfer)
		default:
			size := h.files.Size(d.Node)
			binary.LittleEndian.PutUint64(e[16:], size-min(size, d.Offset))
		}
	default:
		errno = Inval
	}
	binary.LittleEndian.PutUint16(e[8:], uint16(errno))
	return append(events, e[:]...)
}
