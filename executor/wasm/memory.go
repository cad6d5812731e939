package wasm

// linear is the memory of one instance. The whole region up to the limit is
// reserved at once and none of it is touched: growth moves nothing, and pages
// that the guest never writes cost nothing.
type linear struct {
	region []byte // all that may be asked for
	bytes  []byte // what the guest has
}

func newLinear(most uint64) *linear { return &linear{region: reserve(most)} }

// Reallocate implements experimental.LinearMemory. Sizes above the maximum do
// not reach it.
func (m *linear) Reallocate(size uint64) []byte {
	m.bytes = m.region[:size]
	return m.bytes
}

// Free implements experimental.LinearMemory. It may be called twice.
func (m *linear) Free() {
	if m == nil || m.region == nil {
		return
	}
	unreserve(m.region)
	m.region, m.bytes = nil, nil
}

// Read implements wasi.Memory.
func (m *linear) Read(offset, n uint32) ([]byte, bool) {
	if uint64(offset)+uint64(n) > uint64(len(m.bytes)) {
		return nil, false
	}
	return m.bytes[offset : uint64(offset)+uint64(n)], true
}

// Write implements wasi.Memory.
func (m *linear) Write(offset uint32, b []byte) bool {
	if uint64(offset)+uint64(len(b)) > uint64(len(m.bytes)) {
		return false
	}
	copy(m.bytes[offset:], b)
	return true
}
