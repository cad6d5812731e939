package circuit

import (
	"bytes"
	"context"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/circuit"
	"github.com/capacloud/assay/zk"
	"github.com/capacloud/assay/zk/circom"
)

// solved is a witness of either kind.
type solved struct {
	wires  []fr.Element     // circom: of every wire
	system *circuit.System  // gnark
	values *circuit.Witness // gnark: of the inputs
}

// bindInput is the name of the input that takes the binding.
const bindInput = "bind"

// solve computes the witness and the public bytes.
func (t *task) solve(ctx context.Context) error {
	t.report(Computing, 0, 1)
	var err error
	if t.d.System == zk.Circom {
		err = t.solveCircom(ctx)
	} else {
		err = t.solveGnark(ctx)
	}
	if err != nil {
		return err
	}
	if t.bind == zk.BindJob {
		want := make([]byte, 0, zk.BindingElements*fr.Bytes)
		for i := range t.binding {
			e := t.binding[i].Bytes()
			want = append(want, e[:]...)
		}
		if !bytes.HasPrefix(t.public, want) {
			return assay.Refuse(CodeBinding, "%d public elements", len(t.public)/fr.Bytes)
		}
	}
	t.report(Computing, 1, 1)
	return nil
}

// programKey names a compiled witness program: the memory limit is in its code.
type programKey struct {
	program assay.Digest
	memory  uint64
}

func (t *task) solveCircom(ctx context.Context) error {
	if err := t.readInputs(); err != nil {
		return err
	}
	c := t.d.Circuit
	limits := circom.Limits{Fuel: t.job.Limits.Fuel, Memory: t.job.Limits.Memory}
	p, release, err := t.x.programs.get(ctx, programKey{c.Witness, limits.Memory}, func() (*circom.Program, error) {
		b, err := t.file(ctx, "witness program", c.Witness)
		if err != nil {
			return nil, err
		}
		return circom.Compile(context.WithoutCancel(ctx), b, limits.Memory)
	})
	if err != nil {
		return err
	}
	defer release()
	in := circom.Inputs{}
	for _, n := range t.inputs.Names() {
		in[n] = t.inputs[n]
	}
	if t.bind == zk.BindJob {
		in[bindInput] = t.binding[:]
	}
	w, err := p.Witness(ctx, in, limits)
	if err != nil {
		return err
	}
	t.solved.wires = w
	n := len(c.Public)
	if t.bind == zk.BindJob {
		n += zk.BindingElements
	}
	if n >= len(w) {
		return assay.Refuse(circom.CodeMismatch, "the descriptor names %d public elements, the circuit has %d wires", n, len(w))
	}
	for i := range n {
		e := w[1+i].Bytes()
		t.public = append(t.public, e[:]...)
	}
	if c.ConstraintSystem.IsZero() {
		return nil
	}
	r, done, err := t.x.systems.get(ctx, c.ConstraintSystem, func() (*circom.R1CS, error) {
		b, err := t.file(ctx, "constraint system", c.ConstraintSystem)
		if err != nil {
			return nil, err
		}
		return circom.ParseR1CS(b)
	})
	if err != nil {
		return err
	}
	defer done()
	if int(r.Public()) != n {
		return assay.Refuse(circom.CodeMismatch, "the descriptor names %d public elements, the circuit has %d", n, r.Public())
	}
	return r.Check(w)
}

func (t *task) solveGnark(ctx context.Context) error {
	c := t.d.Circuit
	b, err := t.file(ctx, "constraint system", c.ConstraintSystem)
	if err != nil {
		return err
	}
	s, err := circuit.ParseSystem(b)
	if err != nil {
		return err
	}
	binding := &t.binding
	n := len(c.Public) + zk.BindingElements
	if t.bind == zk.BindCommit {
		binding, n = nil, len(c.Public)
	}
	if len(s.Public()) != n {
		return assay.Refuse(circuit.CodeSystem, "the descriptor names %d public elements, the circuit has %d", n, len(s.Public()))
	}
	w, err := t.witness(ctx, s, binding)
	if err != nil {
		return err
	}
	if err := s.Check(w); err != nil {
		return err
	}
	t.solved.system, t.solved.values, t.public = s, w, w.Public()
	return nil
}

// witness computes the outputs by a system, or everything by a program.
func (t *task) witness(ctx context.Context, s *circuit.System, binding *[zk.BindingElements]fr.Element) (*circuit.Witness, error) {
	var outputs *circuit.System
	if d := t.d.Circuit.Witness; !d.IsZero() {
		b, err := t.file(ctx, "system of outputs", d)
		if err != nil {
			return nil, err
		}
		if circuit.IsProgram(b) {
			return t.run(ctx, s, binding)
		}
		if outputs, err = circuit.ParseSystem(b); err != nil {
			return nil, err
		}
	}
	if err := t.readInputs(); err != nil {
		return nil, err
	}
	return s.Solve(outputs, t.inputs, binding)
}

// run asks a witness program: a job like this one, of wasm/1. What it prints is a
// claim like any other: the constraints are checked afterwards.
func (t *task) run(ctx context.Context, s *circuit.System, binding *[zk.BindingElements]fr.Element) (*circuit.Witness, error) {
	if t.x.options.Wasm == nil {
		return nil, assay.Refuse(CodeProgram, "this executor runs none")
	}
	job := *t.job
	job.Runtime, job.Program = assay.RuntimeWasm, t.d.Circuit.Witness
	out, err := t.x.options.Wasm.Execute(ctx, &job, t.a)
	if err != nil {
		return nil, err
	}
	if r := &out.Result; r.Status != assay.Exited || r.ExitCode != 0 {
		return nil, assay.Refuse(CodeProgram, "it ended %s, exit code %d %s", r.Status, r.ExitCode, r.Trap)
	}
	if t.inputs, err = circom.ParseInputs(out.Output.Stdout()); err != nil {
		return nil, err
	}
	return s.Assign(t.inputs, binding)
}

// prove makes a proof and verifies it.
func (t *task) prove(ctx context.Context) ([]byte, error) {
	var proof []byte
	var key *zk.Key
	var err error
	switch t.d.System {
	case zk.Circom:
		proof, key, err = t.proveCircom(ctx)
	case zk.Plonk:
		proof, key, err = t.provePlonk(ctx)
	default:
		proof, key, err = t.proveGnark(ctx)
	}
	if err != nil {
		return nil, err
	}
	t.report(Verifying, 0, 1)
	if err := zk.Verify(key, [32]byte{}, t.public, proof); err != nil {
		return nil, assay.Refuse(CodeFalse, "%v", err)
	}
	t.report(Verifying, 1, 1)
	return proof, ctx.Err()
}

func (t *task) checkKey(k *zk.Key) error {
	if got := k.Digest(); got != t.d.Key {
		return assay.Refuse(CodeKey, "%s, the descriptor names %s", got.Short(), t.d.Key.Short())
	}
	return nil
}

func (t *task) proveCircom(ctx context.Context) ([]byte, *zk.Key, error) {
	t.report(Loading, 0, 1)
	loaded, release, err := t.x.keys.get(ctx, t.d.Circuit.ProvingKey, func() (any, error) {
		b, err := t.file(ctx, "proving key", t.d.Circuit.ProvingKey)
		if err != nil {
			return nil, err
		}
		size, err := circom.SizeOf(b)
		if err != nil {
			return nil, err
		}
		if err := t.x.fits(circomMemory(size)); err != nil {
			return nil, err
		}
		return circom.ParseZKey(b, t.x.options.Trust)
	})
	if err != nil {
		return nil, nil, err
	}
	defer release()
	k, ok := loaded.(*circom.ProvingKey)
	if !ok {
		return nil, nil, assay.Refuse(CodeKey, "the proving key is that of a gnark circuit")
	}
	vk, err := k.VerifyingKey()
	if err != nil {
		return nil, nil, err
	}
	if err := t.checkKey(vk); err != nil {
		return nil, nil, err
	}
	if int(k.Public)*fr.Bytes != len(t.public) {
		return nil, nil, assay.Refuse(circom.CodeMismatch, "the descriptor names %d public elements, the key has %d", len(t.public)/fr.Bytes, k.Public)
	}
	if err := t.x.fits(circomMemory(circom.Size{Wires: k.Wires, Domain: k.Domain})); err != nil {
		return nil, nil, err // the key was there already
	}
	t.report(Loading, 1, 1)
	p, err := k.Prove(ctx, t.solved.wires, func(done int) { t.report(Proving, done, circom.Steps) })
	if err != nil {
		return nil, nil, err
	}
	return p.Bytes(), vk, nil
}

func (t *task) proveGnark(ctx context.Context) ([]byte, *zk.Key, error) {
	t.report(Loading, 0, 1)
	vk, err := t.verifyingKey(ctx)
	if err != nil {
		return nil, nil, err
	}
	loaded, release, err := t.x.keys.get(ctx, t.d.Circuit.ProvingKey, func() (any, error) {
		b, err := t.file(ctx, "proving key", t.d.Circuit.ProvingKey)
		if err != nil {
			return nil, err
		}
		if err := t.x.fits(gnarkMemory(len(b), t.solved.system)); err != nil {
			return nil, err
		}
		return circuit.ParseProvingKey(b, t.x.options.Trust)
	})
	if err != nil {
		return nil, nil, err
	}
	defer release()
	k, ok := loaded.(*circuit.ProvingKey)
	if !ok {
		return nil, nil, assay.Refuse(CodeKey, "the proving key is that of a circom circuit")
	}
	if err := t.x.fits(gnarkMemory(0, t.solved.system)); err != nil {
		return nil, nil, err
	}
	t.report(Loading, 1, 1)
	t.report(Proving, 0, 1)
	proof, err := t.solved.system.Prove(k, t.solved.values)
	if err != nil {
		return nil, nil, err
	}
	t.report(Proving, 1, 1)
	return proof, vk, nil
}

// provePlonk computes the key from system and SRS, and with it the verifying key.
func (t *task) provePlonk(ctx context.Context) ([]byte, *zk.Key, error) {
	t.report(Loading, 0, 1)
	c := t.d.Circuit
	name := canon.Hash("assay/plonk-key/1", c.ConstraintSystem[:], c.SRS[:], c.ProvingKey[:]) // of this cache alone
	loaded, release, err := t.x.keys.get(ctx, name, func() (any, error) {
		b, err := t.file(ctx, "SRS", c.SRS)
		if err != nil {
			return nil, err
		}
		if err := t.x.fits(plonkMemory(len(b), t.solved.system)); err != nil {
			return nil, err
		}
		srs, err := circuit.ParseSRS(b, t.x.options.Trust)
		if err != nil {
			return nil, err
		}
		l, err := t.lagrange(ctx)
		if err != nil {
			return nil, err
		}
		return t.solved.system.PlonkKey(srs, l)
	})
	if err != nil {
		return nil, nil, err
	}
	defer release()
	k, ok := loaded.(*circuit.PlonkKey)
	if !ok {
		return nil, nil, assay.Refuse(CodeKey, "the proving key is that of another system")
	}
	if err := t.x.fits(plonkMemory(0, t.solved.system)); err != nil {
		return nil, nil, err
	}
	vk, err := k.VerifyingKey()
	if err != nil {
		return nil, nil, err
	}
	if err := t.checkKey(vk); err != nil {
		return nil, nil, err
	}
	t.report(Loading, 1, 1)
	t.report(Proving, 0, 1)
	proof, err := t.solved.system.ProvePlonk(k, t.solved.values)
	if err != nil {
		return nil, nil, err
	}
	t.report(Proving, 1, 1)
	return proof, vk, nil
}

// lagrange reads the Lagrange form of the SRS; nil where the descriptor names none,
// and it is computed.
func (t *task) lagrange(ctx context.Context) (*circuit.Lagrange, error) {
	if t.d.Circuit.ProvingKey.IsZero() {
		return nil, nil
	}
	b, err := t.file(ctx, "Lagrange form", t.d.Circuit.ProvingKey)
	if err != nil {
		return nil, err
	}
	return circuit.ParseLagrange(b, t.x.options.Trust)
}

// verifyingKey takes the key that the job named, or else the descriptor's file.
func (t *task) verifyingKey(ctx context.Context) (*zk.Key, error) {
	var b []byte
	for _, k := range t.keys {
		if k.Digest == t.d.Key {
			b = k.Key
		}
	}
	if b == nil {
		var err error
		if b, err = t.file(ctx, "verifying key", t.d.Circuit.VerifyingKey); err != nil {
			return nil, err
		}
	}
	v, err := zk.ParseKey(b)
	if err != nil {
		return nil, err
	}
	k := v.Key()
	if !bytes.Equal(canon.Marshal(&k), b) {
		return nil, assay.Refuse(CodeKey, "the key has another encoding")
	}
	return &k, t.checkKey(&k)
}
