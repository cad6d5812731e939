package wasm

import (
	"bytes"
	"testing"
)

// BenchmarkLower measures what the ledger does with a program: a Go program, and
// one function as large as the limits admit, of the instructions that cost most.
func BenchmarkLower(b *testing.B) {
	body := bytes.Repeat([]byte{opI32Const, 1, opIf, emptyBlock, opEnd}, 1_500_000)
	large := newModule().fn(EntryExport, ":", "", body...)
	for _, c := range []struct {
		name    string
		program []byte
	}{{"go", goGuest(b)}, {"one-function", Encode(&large.m)}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.program)))
			for b.Loop() {
				l := NewImage(c.program)
				for !l.Step(1 << 20) {
				}
				if l.Image().Invalid != "" {
					b.Fatal(l.Image().Invalid)
				}
			}
		})
	}
}
