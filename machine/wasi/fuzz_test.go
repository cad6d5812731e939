package wasi

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// script runs calls read from b: a function, then its arguments, each as a
// code byte with small values, memory edges or eight literal bytes.
func script(t testing.TB, b []byte) (*guest, []Errno) {
	g := newGuest(t, testConfig())
	for i := range g.mem[:8192] { // something to read as paths, iovecs and subscriptions
		g.mem[i] = byte(i * 7)
	}
	copy(g.mem[textAt:], "d/../f")
	copy(g.mem[256:], bytes.Repeat([]byte{0, 0, 1, 0, 9, 0, 0, 0}, 20))
	var errnos []Errno
	for len(b) > 0 && g.stop.Kind == Continue && len(errnos) < 200 {
		fn := Func(int(b[0]) % NumFuncs)
		b = b[1:]
		args := make([]uint64, len(functions[fn].Params))
		for i := range args {
			args[i], b = argument(b)
		}
		var errno Errno
		errno, g.cost, g.stop = g.h.Call(fn, g.mem, args, 1<<20)
		errnos = append(errnos, errno)
	}
	return g, errnos
}

func argument(b []byte) (uint64, []byte) {
	if len(b) == 0 {
		return 0, b
	}
	c := b[0]
	b = b[1:]
	switch {
	case c < 16:
		return uint64(c), b
	case c < 64:
		return uint64(c) * 16, b
	case c < 72:
		return 4<<16 - uint64(c-64), b
	case c < 80:
		return textAt, b
	case c < 84:
		return 1<<32 - uint64(c-79), b
	case len(b) >= 8:
		return binary.LittleEndian.Uint64(b), b[8:]
	}
	return uint64(c), nil
}

// FuzzCall: no sequence of calls panics, oversteps a limit, or gives two
// answers.
func FuzzCall(f *testing.F) {
	for fn := range NumFuncs {
		f.Add(append([]byte{byte(fn)}, 4, 1, 72, 6, 1, 40, 40, 0, 41))
	}
	f.Add([]byte{byte(PathOpen), 4, 0, 72, 6, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0, 40, byte(FdWrite), 5, 16, 1, 40, byte(FdRead), 5, 16, 1, 40})
	f.Fuzz(func(t *testing.T, b []byte) {
		one, errnos := script(t, b)
		two, again := script(t, b)
		if diff := cmp.Diff(errnos, again); diff != "" {
			t.Fatal(diff)
		}
		if !bytes.Equal(one.mem, two.mem) || *one.h.Registers != *two.h.Registers || one.stop.Kind != two.stop.Kind {
			t.Fatal("two runs of one script differ")
		}
		used, nodes := one.fs.Used()
		if used > testConfig().Output || nodes > testConfig().Files {
			t.Fatalf("%d bytes, %d nodes", used, nodes)
		}
		if one.cost > 1<<20 {
			t.Fatalf("a call cost %d of %d", one.cost, 1<<20)
		}
	})
}
