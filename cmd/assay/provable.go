package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/circuit"
	"github.com/capacloud/assay/executor/tensor"
	"github.com/capacloud/assay/executor/zkvm"
	model "github.com/capacloud/assay/machine/tensor"
	"github.com/capacloud/assay/policy"
	"github.com/capacloud/assay/requester"
	"github.com/capacloud/assay/zk"
	"github.com/capacloud/assay/zk/circom"
)

// Programs of other runtimes than wasm/1 are small descriptors that name larger
// files. A PROGRAM argument is what people have of them: a model file, a case file
// with a proof, a folder that circom and a setup have filled, or one with a bundle.

// readProvable reads a PROGRAM argument that is no wasm; nil: it is none of these.
func readProvable(arg string, bind string) (*program, error) {
	info, err := os.Stat(arg)
	if err != nil {
		return nil, badInput(codeFile, "%v", err)
	}
	switch {
	case info.Mode().IsRegular() && filepath.Ext(arg) == ".json":
		return readCase(arg)
	case info.Mode().IsRegular() && slices.Contains([]string{model.Extension, ".onnx"}, filepath.Ext(arg)):
		return readModel(arg)
	case info.Mode().IsRegular() && filepath.Base(arg) == circuit.ProgramName:
		return readBundle(filepath.Dir(arg))
	case !info.IsDir():
		return nil, nil
	}
	if _, err := os.Stat(filepath.Join(arg, circuit.ProgramName)); err == nil {
		return readBundle(arg)
	}
	if zkeys, _ := filepath.Glob(filepath.Join(arg, "*.zkey")); len(zkeys) > 0 {
		return readCircom(arg, bind)
	}
	return nil, nil
}

// bindOf returns the binding that a policy's proof has, as its text says.
func bindOf(e *policy.Expr) string {
	bind := zk.BindJob
	e.Walk(func(x *policy.Expr) {
		if x.Op == policy.ZK {
			bind = x.Bind
		}
	})
	return bind
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxNamedBytes {
		return nil, badInput(codeNoProgram, "%s is larger than %d GiB", path, maxNamedBytes>>30)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, badInput(codeFile, "%v", err)
	}
	return b, nil
}

// maxNamedBytes bounds a file that a descriptor names, such as a proving key.
const maxNamedBytes = 4 << 30

// readCase reads a case file of somebody's zkVM. Its proof is what the providers of
// an in-process network have in store.
func readCase(path string) (*program, error) {
	b, err := readFile(path)
	if err != nil {
		return nil, err
	}
	proof, d, key, err := zkvm.ReadProof(b)
	if err != nil {
		return nil, err
	}
	return &program{
		name: strings.TrimSuffix(filepath.Base(path), ".json"), runtime: assay.RuntimeZKVM, bytes: d.Bytes(),
		keys: []requester.Key{{Digest: key.Digest(), Bytes: key.Bytes()}}, stored: []zkvm.Proof{*proof},
	}, nil
}

func readModel(path string) (*program, error) {
	b, err := readFile(path)
	if err != nil {
		return nil, err
	}
	m, err := tensor.Open(path, b)
	if err != nil {
		return nil, asInput(err)
	}
	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	return &program{name: name, runtime: assay.RuntimeInt8, bytes: m.Descriptor, files: [][]byte{m.Weights}}, nil
}

// try executes a job that somebody will have to prove. What has no result, such as
// an input of the wrong length or one that does not satisfy the circuit, would make
// provider after provider late, and the requester wait for all of them. Guests of
// zkVMs cannot be tried here, and circuits only beside an engine for their witness.
func try(ctx context.Context, net *session, job *assay.Job) error {
	if job.Runtime != assay.RuntimeInt8 && (job.Runtime != assay.RuntimeCircuit || net.engine == nil) {
		return nil
	}
	if _, err := enginesOf(net.engine, zkvm.Options{}).Execute(ctx, job, net.store); err != nil {
		return asInput(err)
	}
	return nil
}

// readBundle reads a circuit's folder.
func readBundle(dir string) (*program, error) {
	b, err := circuit.Load(dir)
	if err != nil {
		return nil, asInput(err)
	}
	return programOf(b, dir), nil
}

// programOf is the program that a circuit's bundle stands for.
func programOf(b *circuit.Bundle, dir string) *program {
	p := &program{
		name: nameOf(dir), runtime: zk.Runtime(b.Descriptor.System), bytes: b.Descriptor.Bytes(),
		keys: []requester.Key{{Digest: b.Key.Digest(), Bytes: b.Key.Bytes()}},
	}
	for _, f := range b.Files {
		p.files = append(p.files, f.Bytes)
	}
	return p
}

func nameOf(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		return filepath.Base(abs)
	}
	return filepath.Base(dir)
}

// readCircom reads a folder with the files of circom and snarkjs: one .r1cs, one
// .zkey, one .wasm and the .sym that has the names.
func readCircom(dir, bind string) (*program, error) {
	read := func(pattern string) ([]byte, error) {
		found, _ := filepath.Glob(filepath.Join(dir, pattern))
		if sub, _ := filepath.Glob(filepath.Join(dir, "*_js", pattern)); len(found) == 0 {
			found = sub // where circom puts the witness program
		}
		if len(found) != 1 {
			return nil, badInput(codeNoProgram, "%s holds %d files %s; one is needed (circom --r1cs --wasm --sym)", dir, len(found), pattern)
		}
		return readFile(found[0])
	}
	var f circuit.CircomFiles
	var sym []byte
	for _, x := range []struct {
		pattern string
		into    *[]byte
	}{{"*.r1cs", &f.R1CS}, {"*.zkey", &f.ZKey}, {"*.wasm", &f.Program}, {"*.sym", &sym}} {
		var err error
		if *x.into, err = read(x.pattern); err != nil {
			return nil, err
		}
	}
	r, err := circom.ParseR1CS(f.R1CS)
	if err != nil {
		return nil, err
	}
	skip := 0
	if bind == zk.BindJob {
		skip = zk.BindingElements
	}
	if f.Public, f.Inputs, err = symbols(sym, r, skip); err != nil {
		return nil, err
	}
	b, err := circuit.Circom(f)
	if err != nil {
		return nil, err
	}
	return programOf(b, dir), nil
}

// symbols reads the names of public elements and inputs out of a .sym file, whose
// lines are label, wire, component and name. The first skip public elements are
// those of the binding, and the input that they come from is called bind.
func symbols(sym []byte, r *circom.R1CS, skip int) (public, inputs []string, err error) {
	names := map[int]string{}
	for line := range bytes.Lines(sym) {
		fields := strings.SplitN(strings.TrimSpace(string(line)), ",", 4)
		if len(fields) != 4 {
			return nil, nil, badInput(codeNoProgram, "the .sym file has a line %.60q", line)
		}
		wire, err := strconv.Atoi(fields[1])
		name, own := strings.CutPrefix(fields[3], "main.")
		if err != nil || wire < 1 || !own || strings.Contains(name, ".") {
			continue // a signal of a component, or one that was optimised away
		}
		if _, known := names[wire]; !known {
			names[wire] = name
		}
	}
	outputs, publics := int(r.Outputs), int(r.Outputs+r.PublicInputs)
	for wire := 1; wire <= publics+int(r.PrivateInputs); wire++ {
		name, ok := names[wire]
		if !ok {
			return nil, nil, badInput(codeNoProgram, "the .sym file has no name of wire %d", wire)
		}
		if wire <= publics && wire > skip {
			public = append(public, name)
		}
		base, _, _ := strings.Cut(name, "[")
		if wire > outputs && base != bindInput && !slices.Contains(inputs, base) {
			inputs = append(inputs, base)
		}
	}
	return public, inputs, nil
}

// bindInput is the input by which a circom circuit is told its binding.
const bindInput = "bind"

// checkProofs refuses a policy that asks for a proof of another system than the
// program's. The ledger cannot know before it sees the descriptor, and nobody
// would be to blame for a proof that cannot be made: but the job would cost its fee.
func checkProofs(p *program, e *policy.Expr) (err error) {
	if p.runtime != assay.RuntimeCircuit && p.runtime != assay.RuntimeZKVM {
		return nil
	}
	d, err := zk.ParseDescriptor(p.bytes)
	if err != nil {
		return err
	}
	e.Walk(func(x *policy.Expr) {
		switch {
		case x.Op != policy.ZK || err != nil:
		case x.System != d.System:
			err = assay.Refuse(zk.CodeSystem, "the program is proved by %s, the policy asks for %s", d.System, x.System)
		case !x.Key.IsZero() && x.Key != d.Key:
			err = assay.Refuse(zk.CodeKeyPinned, "the program names key %s, the policy pins %s", d.Key, x.Key)
		case x.Bind == zk.BindJob && len(p.stored) > 0:
			err = assay.Refuse(zkvm.CodeUnbound, "the proof in the file was made before the job")
		}
	})
	return err
}

// declare adds what --proven declares equivalent to the program: its descriptor,
// the files that it names and its key.
func (o *runOptions) declare(p *program) error {
	if o.proven == "" {
		return nil
	}
	expr, err := policy.Parse(o.policy)
	if err != nil {
		return err
	}
	other, err := readProvable(o.proven, bindOf(expr))
	if err != nil {
		return err
	}
	if other == nil || len(other.keys) == 0 || p.runtime != assay.RuntimeWasm {
		return badInput(codeNoProgram, "--proven %s is no circuit and no case file, or PROGRAM needs none", o.proven)
	}
	p.proven, p.keys, p.stored = other.bytes, other.keys, other.stored
	p.files = append(p.files, other.files...)
	return checkProofs(other, expr)
}
