package main

import (
	"bytes"
	"slices"
	"strings"
)

// Small modules for scripts, written down byte by byte: what a compiler would
// not make, or only with a toolchain that is not here.

// modules builds them by name.
var modules = map[string]func() []byte{
	"exit7":   func() []byte { return exitWith(7) },
	"trap":    func() []byte { return command(nil, body(0x00), nil) },
	"loop":    func() []byte { return command(nil, body(0x03, 0x40, 0x0c, 0, 0x0b), nil) },
	"recurse": func() []byte { return command(nil, body(0x10, 0), nil) },
	// memory.grow by 64 pages until it fails, then trap.
	"grow": func() []byte {
		return command(nil, body(0x03, 0x40, 0x41, 0xc0, 0x00, 0x40, 0x00, 0x41, 0x7f, 0x47, 0x0d, 0, 0x0b, 0x00), nil)
	},
	// memory.grow by 4,090 pages and memory.fill: all of the default limit.
	"fill": func() []byte {
		return command(nil, body(0x41, 0xfa, 0x1f, 0x40, 0x00, 0x1a, 0x41, 0, 0x41, 1, 0x41, 0x80, 0x80, 0xe8, 0xff, 0x00, 0xfc, 0x0b, 0x00), nil)
	},
	"foreign": func() []byte { return foreign() },
	// v128.const 0; drop
	"simd": func() []byte {
		return command(nil, body(append(append([]byte{0xfd, 12}, make([]byte, 16)...), 0x1a)...), nil)
	},
	"huge":     func() []byte { return command([]byte{0x00, 0x80, 0x80, 0x02}, body(), nil) }, // 32,768 pages at least
	"flood":    flood,
	"segments": func() []byte { return command(nil, body(), manySegments(100_000)) },
	"nest":     func() []byte { return command(nil, body(nested(200_000)...), nil) },
	"cut":      func() []byte { m := exitWith(0); return m[:len(m)-3] },
}

var wasmHeader = []byte("\x00asm\x01\x00\x00\x00")

// uleb encodes an unsigned LEB128 number.
func uleb(n int) (b []byte) {
	for n >= 0x80 {
		b, n = append(b, byte(n)|0x80), n>>7
	}
	return append(b, byte(n))
}

func section(id byte, content ...byte) []byte {
	return slices.Concat([]byte{id}, uleb(len(content)), content)
}

func vec(items ...[]byte) []byte {
	return append(uleb(len(items)), slices.Concat(items...)...)
}

func name(s string) []byte { return append(uleb(len(s)), s...) }

// body is a function without locals.
func body(code ...byte) []byte {
	code = slices.Concat([]byte{0}, code, []byte{0x0b})
	return append(uleb(len(code)), code...)
}

// command is a module with a memory and one function, exported as _start.
func command(memory, start, data []byte) []byte {
	if memory == nil {
		memory = []byte{0x00, 1}
	}
	m := slices.Concat(wasmHeader,
		section(1, vec([]byte{0x60, 0, 0})...),
		section(3, vec([]byte{0})...),
		section(5, vec(memory)...),
		section(7, vec(slices.Concat(name("memory"), []byte{2, 0}), slices.Concat(name("_start"), []byte{0, 0}))...),
		section(10, vec(start)...))
	if data != nil {
		m = append(m, section(11, data...)...)
	}
	return m
}

// importing is a command that imports one function before its own.
func importing(module, field string, params, results, start []byte) []byte {
	return slices.Concat(wasmHeader,
		section(1, vec([]byte{0x60, 0, 0}, slices.Concat([]byte{0x60}, uleb(len(params)), params, uleb(len(results)), results))...),
		section(2, vec(slices.Concat(name(module), name(field), []byte{0, 1}))...),
		section(3, vec([]byte{0})...),
		section(5, vec([]byte{0x00, 1})...),
		section(7, vec(slices.Concat(name("memory"), []byte{2, 0}), slices.Concat(name("_start"), []byte{0, 1}))...),
		section(10, vec(start)...))
}

func exitWith(code byte) []byte {
	return importing("wasi_snapshot_preview1", "proc_exit", []byte{0x7f}, nil, body(0x41, code, 0x10, 0))
}

func foreign() []byte {
	return importing("env", "launch", nil, nil, body(0x10, 0))
}

// flood writes 64 KiB to stdout for ever: an iovec of (0, 65536) at 16.
func flood() []byte {
	store := func(at byte, value ...byte) []byte {
		return slices.Concat([]byte{0x41, at, 0x41}, value, []byte{0x36, 2, 0})
	}
	code := slices.Concat(store(16, 0), store(20, 0x80, 0x80, 0x04),
		[]byte{0x03, 0x40, 0x41, 1, 0x41, 16, 0x41, 1, 0x41, 8, 0x10, 0, 0x1a, 0x0c, 0, 0x0b})
	return importing("wasi_snapshot_preview1", "fd_write", []byte{0x7f, 0x7f, 0x7f, 0x7f}, []byte{0x7f}, body(code...))
}

func manySegments(n int) []byte {
	one := []byte{0, 0x41, 0, 0x0b, 1, 'x'}
	return append(uleb(n), bytes.Repeat(one, n)...)
}

func nested(n int) []byte {
	return append(bytes.Repeat([]byte{0x02, 0x40}, n), []byte(strings.Repeat("\x0b", n))...)
}
