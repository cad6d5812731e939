package main

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/blob"
	runtimes "github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/executor/circuit"
	"github.com/capacloud/assay/executor/tensor"
	executor "github.com/capacloud/assay/executor/wasm"
	"github.com/capacloud/assay/executor/zkvm"
	"github.com/capacloud/assay/machine/wasm"
	"github.com/capacloud/assay/receipt"
)

// newEngine starts the wasm executor with the compilation cache on disk, if a
// folder for it can be had.
func newEngine(ctx context.Context) (*executor.Executor, error) {
	var o executor.Options
	if dir := cacheDir(); dir != "" {
		o.CacheDir = filepath.Join(dir, "wasm")
	}
	return executor.New(ctx, o)
}

// enginesOf are the engines of all runtimes. A prover of circuits takes what
// memory the machine has; guests of zkVMs have options of their own.
func enginesOf(engine *executor.Executor, o zkvm.Options) runtimes.Runtimes {
	circuits, guests, networks := circuit.New(circuit.Options{Wasm: engine}), zkvm.New(o), &tensor.Executor{}
	return runtimes.Runtimes{
		assay.RuntimeWasm:    {Executor: executor.Epochs{Executor: engine}},
		assay.RuntimeCircuit: {Executor: circuits, Prover: circuits},
		assay.RuntimeZKVM:    {Executor: guests, Prover: guests},
		assay.RuntimeInt8:    {Executor: networks, Prover: networks},
	}
}

// runtimesRun lists the runtimes that enginesOf runs, as an offer does.
func runtimesRun() []string { return slices.Sorted(slices.Values(assay.Runtimes())) }

// checkModule refuses a module that the network would call invalid, before
// anything is spent.
func checkModule(b []byte, memory uint64) error {
	m, err := wasm.Decode(b, wasm.DefaultLimits())
	if err == nil {
		err = wasm.Validate(m)
	}
	if err == nil {
		err = wasm.CheckProfile(m, uint32(memory/assay.WasmPage))
	}
	var refusal *wasm.Error
	if errors.As(err, &refusal) {
		return &exitError{exit: exitUsage, code: assay.Code(refusal.Code), text: refusal.Error(), cause: err}
	}
	return err
}

// rerunner executes a receipt's job from a store.
type rerunner struct {
	engine *executor.Executor
	store  *blob.Store
}

// Execute implements receipt.Executor.
func (r *rerunner) Execute(ctx context.Context, job *assay.Job) (*assay.Result, error) {
	out, err := r.engine.Execute(ctx, job, r.store)
	if errors.Is(err, blob.ErrNotFound) {
		return nil, assay.Refuse(receipt.CodeNoArtifacts, "%v", err)
	}
	if err != nil {
		return nil, err
	}
	return &out.Result, nil
}

// end closes what can no longer fail anybody: a store that was read, a listener
// that was served.
func end(c io.Closer) { _ = c.Close() }

// endEngine frees compiled code. Nothing may be running on it.
func endEngine(x *executor.Executor) { _ = x.Close(context.Background()) }
