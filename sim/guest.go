package sim

import (
	"context"
	"fmt"
	"strings"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/merkle"
)

// pretended is an executor whose result is a cheap function of the job. Some
// programs print nothing, some trap, and some are no programs.
type pretended struct{}

// Execute implements executor.Executor.
func (pretended) Execute(_ context.Context, job *assay.Job, _ executor.Artifacts) (*executor.Outcome, error) {
	h := hashOf(job, "state")
	r := assay.Result{Status: assay.Exited, Fuel: uint64(h[0])*1000 + uint64(h[1]), State: h}
	switch h[2] % 8 {
	case 0:
		r.Status, r.Trap = assay.Trapped, "unreachable"
	case 1:
		r.Status = assay.InvalidModule
	case 2:
		r.ExitCode = 1
	}
	var text string
	if h[3]%4 > 0 {
		text = strings.Repeat(fmt.Sprintf("%x\n", h), 1+int(h[4])%64)
	}
	tree := output(text, "warning: simulated\n")
	r.Output = tree.Root
	return &executor.Outcome{Result: r, Output: tree}, nil
}

func output(stdout, stderr string) *executor.OutputTree {
	t := &executor.OutputTree{}
	out := t.AddFolder(executor.OutName, nil)
	errs := t.AddFile(executor.StderrName, []byte(stderr))
	text := t.AddFile(executor.StdoutName, []byte(stdout))
	t.Root = t.AddFolder("", []merkle.Entry{out, errs, text}).Digest
	return t
}

// artifacts holds the one program there is.
type artifacts struct{}

// ReadFile implements executor.Artifacts.
func (artifacts) ReadFile(_ context.Context, d assay.Digest) ([]byte, error) {
	if d != program {
		return nil, fmt.Errorf("no file %s", d.Short())
	}
	return guest, nil
}

// ReadFolder implements executor.Artifacts.
func (artifacts) ReadFolder(_ context.Context, d assay.Digest) ([]merkle.Entry, error) {
	return nil, fmt.Errorf("no folder %s", d.Short())
}

// opening shows the leaf of an output that a number names.
func opening(t *executor.OutputTree, number uint64) merkle.Opening {
	var o merkle.Opening
	folder := t.Folders[len(t.Folders)-1]
	total := merkle.FolderSize(folder.Entries)
	if total == 0 {
		step, _ := merkle.ProveEntry(folder.Entries, 0)
		o.Folders = append(o.Folders, step)
		return o
	}
	offset := number % total
	step, before := merkle.ProveEntry(folder.Entries, offset)
	o.Folders, offset = append(o.Folders, step), offset-before
	b, _ := t.File(step.Entry.Name) // simulated outputs have no files under /out
	var leaves merkle.FileTree
	_, _ = leaves.Write(b)
	i := offset / merkle.LeafSize
	o.FileSize = uint64(len(b))
	o.Leaf = b[i*merkle.LeafSize : min(uint64(len(b)), (i+1)*merkle.LeafSize)]
	o.Path = merkle.Prove(leaves.Leaves(), i)
	return o
}

// right returns the result that every honest provider comes to.
func (w *World) right(job *assay.Job) *executor.Outcome {
	work := job.Work()
	o := w.truth[work]
	if o == nil {
		var err error
		if o, err = w.honest.Execute(context.Background(), job, artifacts{}); err != nil {
			panic(err)
		}
		w.truth[work] = o
	}
	return o
}

// guest is the program of the seeds that run real wasm, written by hand: it
// takes 16 bytes from the seeded random source and writes them to standard
// output.
//
//	(module
//	  (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
//	  (import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))
//	  (memory (export "memory") 1)
//	  (func (export "_start")
//	    (drop (call 1 (i32.const 64) (i32.const 16)))
//	    (i32.store (i32.const 0) (i32.const 64))
//	    (i32.store (i32.const 4) (i32.const 16))
//	    (drop (call 0 (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
var guest = []byte("\x00asm\x01\x00\x00\x00" +
	"\x01\x12\x03\x60\x04\x7f\x7f\x7f\x7f\x01\x7f\x60\x02\x7f\x7f\x01\x7f\x60\x00\x00" +
	"\x02\x47\x02\x16wasi_snapshot_preview1\x08fd_write\x00\x00\x16wasi_snapshot_preview1\x0arandom_get\x00\x01" +
	"\x03\x02\x01\x02" +
	"\x05\x03\x01\x00\x01" +
	"\x07\x13\x02\x06memory\x02\x00\x06_start\x00\x02" +
	"\x0a\x26\x01\x24\x00" +
	"\x41\xc0\x00\x41\x10\x10\x01\x1a" +
	"\x41\x00\x41\xc0\x00\x36\x02\x00" +
	"\x41\x04\x41\x10\x36\x02\x00" +
	"\x41\x01\x41\x00\x41\x01\x41\x08\x10\x00\x1a\x0b")
