package wasm

import (
	"context"
	"encoding/binary"
	"fmt"
	"path"
	"strings"

	"github.com/tetratelabs/wazero/api"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/executor/committed"
	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
	"github.com/capacloud/assay/merkle"
)

// stateTag separates state roots; docs/WASM.md has the format:
//
//	H("assay/wasm-state/1", memory size, memory root, globals, globals root,
//	  then per table: type, length, root)
//
// Sizes and counts are eight bytes, little-endian. Every root is that of a tree
// of fixed depth (package machine), so that it stands in the canonical
// machine's record: memory as it is; globals as 16 bytes each, the type, seven
// zeros and the value; tables as four bytes an element. A reference is the
// index of a function of the program, or all ones for null. Without a memory
// its size is 0. The state of an invalid module is H(tag) alone.
const stateTag = "assay/wasm-state/1"

// nullRef is how a null reference is written.
const nullRef = ^uint32(0)

// state returns the state root of the instance.
func (r *run) state(ctx context.Context) (canon.Digest, error) {
	var mem []byte
	if r.memory != nil {
		mem = r.memory.bytes
	}
	globals, err := r.globals()
	if err != nil {
		return canon.Digest{}, err
	}
	memRoot, globalRoot := machine.RootOf(machine.MemoryDepth, mem), machine.RootOf(machine.GlobalsDepth, globals)
	parts := [][]byte{word(uint64(len(mem))), memRoot[:], word(uint64(len(r.program.info.Globals))), globalRoot[:]}
	for i := range r.program.info.Tables {
		t := &r.program.info.Tables[i]
		elems, err := r.table(ctx, t)
		if err != nil {
			return canon.Digest{}, err
		}
		root := machine.RootOf(machine.TableDepth, elems)
		parts = append(parts, word(uint64(t.Elem)), word(uint64(len(elems)/4)), root[:])
	}
	return canon.Hash(stateTag, parts...), nil
}

func word(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }

// references maps the engine's function references to indexes. The rewriting
// wants it done before the program runs.
func (r *run) references(ctx context.Context) error {
	info := r.program.info
	if !info.MapsRefs {
		return nil
	}
	if _, err := r.mod.ExportedFunction(wasm.RefsExport).Call(ctx); err != nil {
		return fmt.Errorf("make references: %w", err)
	}
	r.refs = make(map[uint64]uint32, len(info.RefFuncs))
	get := r.mod.ExportedFunction(wasm.RefExport)
	for i, f := range info.RefFuncs {
		ref, err := call(ctx, get, uint64(i))
		if err != nil {
			return err
		}
		if f != wasm.NullRef {
			r.refs[ref] = uint32(f)
		}
	}
	return nil
}

// call calls a helper of the rewriting, which cannot trap.
func call(ctx context.Context, f api.Function, args ...uint64) (uint64, error) {
	out, err := f.Call(ctx, args...)
	if err != nil || len(out) != 1 {
		return 0, fmt.Errorf("read state through %s: %v, %w", f.Definition().Name(), out, err)
	}
	return out[0], nil
}

// reference returns the index that a reference stands for. The host gives no
// external references, so every one of those is null.
func (r *run) reference(t wasm.ValType, bits uint64) (uint32, error) {
	if bits == 0 {
		return nullRef, nil
	}
	i, ok := r.refs[bits]
	if t != wasm.FuncRef || !ok {
		return 0, fmt.Errorf("read state: a %s refers to nothing of the program", t)
	}
	return i, nil
}

func (r *run) globals() ([]byte, error) {
	var b []byte
	for _, g := range r.program.info.Globals {
		bits := r.mod.ExportedGlobal(g.Name).Get()
		switch g.Type {
		case wasm.I32, wasm.F32:
			bits = uint64(uint32(bits)) // the engine may leave anything above
		case wasm.I64, wasm.F64:
		default:
			i, err := r.reference(g.Type, bits)
			if err != nil {
				return nil, err
			}
			bits = uint64(i)
		}
		b = binary.LittleEndian.AppendUint64(b, uint64(g.Type))
		b = binary.LittleEndian.AppendUint64(b, bits)
	}
	return b, nil
}

func (r *run) table(ctx context.Context, t *wasm.TableView) ([]byte, error) {
	var b []byte
	if t.Static {
		for _, f := range t.Contents {
			b = binary.LittleEndian.AppendUint32(b, uint32(f)) // NullRef is all ones
		}
		return b, nil
	}
	n, err := call(ctx, r.mod.ExportedFunction(t.Size))
	if err != nil {
		return nil, err
	}
	get := r.mod.ExportedFunction(t.Get)
	for i := range uint32(n) {
		bits, err := call(ctx, get, uint64(i))
		if err != nil {
			return nil, err
		}
		f, err := r.reference(t.Elem, bits)
		if err != nil {
			return nil, err
		}
		b = binary.LittleEndian.AppendUint32(b, f)
	}
	return b, nil
}

// output reads the streams and /out.
func (r *run) output() (*executor.OutputTree, error) {
	if r.watch != nil {
		return committed.Output(r.watch.files)
	}
	tree := &executor.OutputTree{}
	below := map[string][]merkle.Entry{} // of folders not added yet
	var root []merkle.Entry
	r.files.Visit(wasi.OutFolder, func(name string, n wasi.Node, content []byte) {
		full := path.Join(executor.OutName, name)
		var e merkle.Entry
		if n.Kind == merkle.Folder {
			e = tree.AddFolder(full, below[name])
			delete(below, name)
		} else {
			e = tree.AddFile(full, content)
		}
		if name == "" {
			root = append(root, e)
			return
		}
		above := strings.TrimSuffix(path.Dir(name), ".")
		below[above] = append(below[above], e)
	})
	for _, s := range []struct {
		name string
		root wasi.Root
	}{{executor.StderrName, wasi.Stderr}, {executor.StdoutName, wasi.Stdout}} {
		r.files.Visit(s.root, func(_ string, _ wasi.Node, content []byte) {
			root = append(root, tree.AddFile(s.name, content))
		})
	}
	tree.Root = tree.AddFolder("", root).Digest
	return tree, nil
}
