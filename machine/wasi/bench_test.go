package wasi

import (
	"testing"

	"github.com/capacloud/assay/machine"
)

// flatSpace is a machine.Space in two arrays, as an engine would have it.
type flatSpace struct {
	nodes []byte
	data  map[uint64][]byte // by slot
}

func (s *flatSpace) bytes(r machine.Region, at, n uint64) []byte {
	if r == machine.HostNodes {
		return s.nodes[at : at+n]
	}
	slot, at := at>>32, at&(1<<32-1)
	for uint64(len(s.data[slot])) < at+n {
		s.data[slot] = append(s.data[slot], make([]byte, 1<<20)...)
	}
	return s.data[slot][at : at+n]
}

func (s *flatSpace) Load(r machine.Region, at uint64, p []byte) {
	copy(p, s.bytes(r, at, uint64(len(p))))
}

func (s *flatSpace) Store(r machine.Region, at uint64, p []byte) {
	copy(s.bytes(r, at, uint64(len(p))), p)
}

func (s *flatSpace) Clear(r machine.Region, at, n uint64) { clear(s.bytes(r, at, n)) }

// BenchmarkHostCall compares calls over plain and over committed files.
func BenchmarkHostCall(b *testing.B) {
	for _, files := range []string{"plain", "committed"} {
		g := newGuest(b, bigConfig())
		if files == "committed" {
			s, stdin, mount := testInput()
			space := &flatSpace{make([]byte, machine.HostNodes.Bytes()), map[uint64][]byte{}}
			r := Start(space, stdin, mount)
			g.h = Resume(g.h.cfg, NewCommittedFiles(space, NewReaderInput(s), &r, stdin, mount), &r)
		}
		fd := g.mustOpen(4, "f", openCreate)
		for i := range 500 {
			g.ok(FdClose, g.mustOpen(4, wideName(i), openCreate))
		}
		for _, c := range []struct {
			name string
			call func()
		}{
			{"write-10", func() { g.vec(dataAt, 10); g.ok(FdPwrite, fd, iovecAt, 1, 5, resultAt) }},
			{"write-64K", func() { g.vec(dataAt, MaxTransfer); g.ok(FdPwrite, fd, iovecAt, 1, 5, resultAt) }},
			{"open-close-of-500", func() { g.ok(FdClose, g.mustOpen(4, "f", 0)) }},
			{"create-unlink-of-500", func() { g.ok(FdClose, g.mustOpen(4, "m", openCreate)); g.path(PathUnlinkFile, 4, "m") }},
			{"clock", func() { g.ok(ClockTimeGet, 0, 0, resultAt) }},
		} {
			b.Run(files+"/"+c.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					c.call()
				}
			})
		}
	}
}
