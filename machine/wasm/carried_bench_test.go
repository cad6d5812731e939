package wasm

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero/api"
)

// carriers are endless programs that make an engine move many values for few
// operators.
func carriers() map[string]*builder {
	many := strings.Repeat("i", 1000)
	loop := func(b *builder, params int) []byte {
		return appendS64([]byte{opLoop}, int64(b.typ(many[:params]+":")))
	}
	operands := newModule() // each turn they stand one place further down
	operands.fn("f", ":", "", code(bytes.Repeat(i32c(1), 999), loop(operands, 999), i32c(2), opBr, 0, opEnd)...)

	var write, read []byte // on a way that is never taken
	const locals = 4000
	for i := 1; i <= locals; i++ {
		write = append(write, code(opLocalGet, uleb(i%locals+1), opLocalSet, uleb(i))...)
		read = append(read, code(opLocalGet, uleb(i), opDrop)...)
	}
	joins := newModule().fn("f", ":", strings.Repeat("i", locals+1), code(
		opLoop, emptyBlock, opBlock, emptyBlock, opLocalGet, 0, 0x45, opBrIf, 0, write, opEnd, opBr, 0, opEnd, read,
	)...)

	results := newModule()
	arms := appendS64([]byte{opIf}, int64(results.typ(":"+many)))
	results.fn("deep", "i:"+many, "", code(opLocalGet, 0, arms, opLocalGet, 0, i32c(1), 0x6b, opCall, 0, opElse, bytes.Repeat(i32c(3), 1000), opEnd)...)
	results.fn("f", ":", "", code(opLoop, emptyBlock, i32c(1000), opCall, 0, bytes.Repeat([]byte{opDrop}, 1000), opBr, 0, opEnd)...)

	plain := newModule().fn("f", ":", "ii", code(opLoop, emptyBlock,
		opLocalGet, 0, opLocalGet, 1, i32c(3), 0x6a, 0x73, opLocalTee, 1, opLocalSet, 0, opBr, 0, opEnd)...)
	return map[string]*builder{"operands": operands, "joins": joins, "results": results, "plain": plain}
}

func uleb(i int) []byte { return appendU64(nil, uint64(i)) }

// BenchmarkCarried reports how much fuel a second takes.
func BenchmarkCarried(b *testing.B) {
	for name, program := range carriers() {
		b.Run(name, func(b *testing.B) {
			const fuel = 100_000
			in := rewritten(b, program.bytes(), Options{MemoryPages: 1, KeepExports: true})
			c := newCommand(b, in.Wasm, "f")
			mod, err := c.rt.InstantiateModule(b.Context(), c.code, moduleConfig())
			if err != nil {
				b.Fatal(err)
			}
			set := func(name string, v int64) { mod.ExportedGlobal(name).(api.MutableGlobal).Set(uint64(v)) }
			begin := time.Now()
			for b.Loop() {
				set(FuelExport, fuel)
				set(DepthExport, in.Depth)
				if _, err := mod.ExportedFunction("f").Call(b.Context()); err == nil || TrapCode(globalOf(mod, TrapExport)) != TrapOutOfFuel {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*fuel/time.Since(begin).Seconds()/1e6, "Mfuel/s")
		})
	}
}
