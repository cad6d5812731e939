package casefile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fp"
	gnarkplonk "github.com/consensys/gnark/backend/plonk/bn254"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/zk"
	"github.com/capacloud/assay/zk/bn254"
	"github.com/capacloud/assay/zk/groth16"
	"github.com/capacloud/assay/zk/plonk"
	"github.com/capacloud/assay/zk/zktest"
)

type object = map[string]any

func hex0x(b []byte) string { return "0x" + hex.EncodeToString(b) }

func dec(b []byte) string { return new(big.Int).SetBytes(b).String() }

func decFp(e *fp.Element) string { b := e.Bytes(); return dec(b[:]) }

func g1(p *bn254.G1) []any { return []any{decFp(&p.X), decFp(&p.Y)} }

func g2(p *bn254.G2) []any {
	return []any{[]any{decFp(&p.X.A0), decFp(&p.X.A1)}, []any{decFp(&p.Y.A0), decFp(&p.Y.A1)}}
}

func keyPoints(k *groth16.Key) object {
	var ic []any
	for i := range k.IC {
		ic = append(ic, g1(&k.IC[i]))
	}
	return object{"alpha_g1": g1(&k.Alpha), "beta_g2": g2(&k.Beta), "gamma_g2": g2(&k.Gamma), "delta_g2": g2(&k.Delta), "ic": ic}
}

// caseOf passes an object through JSON, as a file would.
func caseOf(tb testing.TB, o object) *Case {
	tb.Helper()
	b, err := json.Marshal(o)
	if err != nil {
		tb.Fatal(err)
	}
	c, err := Parse(b)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// maker makes proofs under one setup of a circuit.
type maker struct {
	setup *zktest.Setup
	key   *groth16.Key
}

func newMaker(tb testing.TB, inputs int) *maker {
	tb.Helper()
	m := &maker{setup: zktest.Groth16(tb, inputs, 0)}
	var err error
	if m.key, err = groth16.ParseGnarkKey(m.setup.KeyBytes()); err != nil {
		tb.Fatal(err)
	}
	return m
}

func (m *maker) prove(tb testing.TB, public []byte) []byte {
	tb.Helper()
	p, err := groth16.ProofFromGnark(m.setup.Prove(tb, public))
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

var (
	program = append([]byte{0}, bytes.Repeat([]byte{0x5a}, 31)...)
	root    = append([]byte{0}, bytes.Repeat([]byte{0xa7}, 31)...)
	nonce   = zktest.Element(123456789)
	public  = []byte("what the guest said")
)

// sp1v6 returns a case in the form of SP1 v6: five inputs, three of them in the
// proof, and a key whose hash is pinned when points is set.
func sp1v6(tb testing.TB, m *maker, exit uint64, points bool) object {
	tb.Helper()
	digest := zk.SP1Digest(public)
	exitWord := zktest.Element(exit)
	inputs := slicesOf(program, digest[:], exitWord, root, nonce)
	proof := m.prove(tb, inputs)
	hash := bytes.Repeat([]byte{0xc3}, 32)
	vk := keyPoints(m.key)
	if !points {
		file := m.setup.KeyBytes()
		vk = object{"gnark_compressed_hex": hex0x(file)}
		h := sha(file)
		hash = h[:]
	}
	return object{
		"name": "sp1-v6", "system": "sp1-groth16", "version": "v6.7.8", "curve": "bn254", "expect": "valid",
		"program_vkey": hex0x(program), "public_values_hex": hex0x(public), "public_values_digest": hex0x(digest[:]),
		"verifier_hash": hex0x(hash), "selector": hex0x(hash[:4]), "vk_root": hex0x(root),
		"exit_code": hex0x(exitWord), "nonce": dec(nonce), "verifying_key": vk,
		"public_inputs": decs(inputs), "something_new": []any{1, object{"x": nil}},
		"proof_hex": hex0x(slicesOf(hash[:4], exitWord, root, nonce, proof)),
	}
}

func slicesOf(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func decs(b []byte) []any {
	var l []any
	for i := 0; i < len(b); i += 32 {
		l = append(l, dec(b[i:i+32]))
	}
	return l
}

// without removes derived data, so that nothing but the verifier can refuse.
func without(o object, names ...string) object {
	c := object{}
	for k, v := range o {
		c[k] = v
	}
	for _, n := range names {
		delete(c, n)
	}
	return c
}

func with(o object, name string, v any) object {
	c := without(o)
	c[name] = v
	return c
}

var derivedFields = []string{
	"public_values_digest", "selector", "exit_code", "nonce", "public_inputs",
}

func flipHex(o object, name string, at int) object {
	b, err := parseHex(o[name])
	if err != nil {
		panic(err)
	}
	b[at] ^= 1
	return with(o, name, hex0x(b))
}

func wantCode(t *testing.T, name string, f Finding, want assay.Code) {
	t.Helper()
	got := assay.Code("")
	if f.Err != nil {
		got = assay.CodeOf(f.Err)
	}
	if got != want || (want == "") != (f.Outcome == Valid) {
		t.Errorf("%s: %s %v, want %q", name, f.Outcome, f.Err, want)
	}
}

// TestSP1v6 judges a proof of the shape of SP1 v6, with a key as points under a
// pinned hash and with a key file, and what must be refused.
func TestSP1v6(t *testing.T) {
	m := newMaker(t, 5)
	good := sp1v6(t, m, 0, true)
	bare := without(good, derivedFields...)
	const words = 4 // where the three words of the proof begin
	r := plonk.Order()
	plusR := func(b []byte) string {
		return hex0x(new(big.Int).Add(new(big.Int).SetBytes(b), r).FillBytes(make([]byte, 32)))
	}
	proof, _ := parseHex(good["proof_hex"])
	nonceTwice := bytes.Clone(proof)
	new(big.Int).Add(new(big.Int).SetBytes(nonce), r).FillBytes(nonceTwice[words+64 : words+96])
	for _, c := range []struct {
		name string
		o    object
		want assay.Code
	}{
		{"points", good, ""},
		{"points, bare", bare, ""},
		{"key file", sp1v6(t, m, 0, false), ""},
		{"another exit code, honestly proved", sp1v6(t, m, 1, true), zk.CodeExit},
		{"program", flipHex(bare, "program_vkey", 31), groth16.CodePairing},
		{"program not reduced", with(bare, "program_vkey", plusR(program)), bn254.CodeScalar},
		{"public values", flipHex(bare, "public_values_hex", 0), groth16.CodePairing},
		{"selector of the proof", flipHex(bare, "proof_hex", 3), zk.CodeSelector},
		{"exit code in the proof", flipHex(bare, "proof_hex", words+31), zk.CodeExit},
		{"root in the proof", flipHex(bare, "proof_hex", words+63), zk.CodeRoot},
		{"pinned root", flipHex(bare, "vk_root", 31), zk.CodeRoot},
		{"nonce in the proof", flipHex(bare, "proof_hex", words+95), groth16.CodePairing},
		{"nonce not reduced", with(bare, "proof_hex", hex0x(nonceTwice)), bn254.CodeScalar},
		{"no root", without(good, "vk_root"), CodeUnusable},
		{"root of no field element", with(bare, "vk_root", hex0x(bytes.Repeat([]byte{0xff}, 32))), bn254.CodeScalar},
		{"pinned hash", flipHex(bare, "verifier_hash", 0), zk.CodeSelector},
		{"no hash, selector only", without(good, "verifier_hash"), ""},
		{"neither", without(good, "verifier_hash", "selector"), CodeUnusable},
		{"proof of v5's length", with(bare, "proof_hex", hex0x(slicesOf(proof[:4], proof[100:]))), zk.CodeExit},
		{"only a selector", with(bare, "proof_hex", hex0x(proof[:4])), zk.CodeLength},
		{"empty proof", with(bare, "proof_hex", "0x"), zk.CodeLength},
		{"a byte more", with(bare, "proof_hex", hex0x(append(bytes.Clone(proof), 0))), groth16.CodeLength},
		{"derived digest", flipHex(good, "public_values_digest", 9), CodeDerived},
		{"derived inputs", with(good, "public_inputs", []any{"1"}), CodeDerived},
		{"stated exit code", with(good, "exit_code", 1), CodeDerived},
		{"stated nonce", with(good, "nonce", "5"), CodeDerived},
		{"stated selector", flipHex(good, "selector", 0), CodeDerived},
		{"a known release with another hash", with(good, "version", "v6.1.0"), CodeRelease},
		{"another curve", with(good, "curve", "bls12-381"), CodeForm},
		{"another scheme", with(good, "system", "sp1-plonk"), CodeUnusable},
		{"unknown system", with(good, "system", "sp2"), CodeUnusable},
		{"no proof", without(good, "proof_hex"), CodeUnusable},
		{"odd hex", with(good, "proof_hex", "0x123"), CodeUnusable},
		{"no release", without(good, "version"), zk.CodeKey},
	} {
		wantCode(t, c.name, caseOf(t, c.o).Judge(), c.want)
	}
	keyOnly := caseOf(t, with(without(good, "proof_hex"), "expect", "key-only")).Judge()
	if keyOnly.Outcome != KeyOnly {
		t.Errorf("a key alone: %s %v", keyOnly.Outcome, keyOnly.Err)
	}
	mixed := without(sp1v6(t, m, 0, false))
	mixed["verifying_key"].(object)["alpha_g1"] = g1(&m.key.IC[0])
	for name, v := range keyPoints(m.key) {
		if name != "alpha_g1" {
			mixed["verifying_key"].(object)[name] = v
		}
	}
	wantCode(t, "bytes and points of two keys", caseOf(t, mixed).Judge(), CodeDerived)
	a, b := caseOf(t, good).Judge(), caseOf(t, sp1v6(t, m, 0, false)).Judge()
	if a.Key == b.Key {
		t.Error("keys of two hashes have one digest")
	}
}

// risc0Case returns a receipt in the form of RISC Zero.
func risc0Case(tb testing.TB, m *maker, system, user uint32, assumptions bool) object {
	tb.Helper()
	image, controlRoot, controlID := bytes.Repeat([]byte{0x11}, 32), bytes.Repeat([]byte{0xfe}, 32), append([]byte{4}, bytes.Repeat([]byte{0x77}, 31)...)
	k := zk.Key{
		Version: 1, System: zk.RISC0, Release: "x", Scheme: zk.SchemeGroth16, VK: m.key.Bytes(),
		Root: [32]byte(controlRoot), Control: [32]byte(controlID),
	}
	v, err := k.Load()
	if err != nil {
		tb.Fatal(err)
	}
	// Written out once more, not with the package's own functions: reversed bytes,
	// the last 16 of them first.
	journal := []byte("journal")
	output := tag("risc0.Output", 2, slicesOf(sum(journal), make([]byte, 32)))
	if assumptions {
		output = tag("risc0.Output", 2, slicesOf(sum(journal), bytes.Repeat([]byte{9}, 32)))
	}
	post, _ := hex.DecodeString("a3acc27117418996340b84e5a90f3ef4c49d22c79e44aad822ec9c313e1eb8e2")
	claim := tag("risc0.ReceiptClaim", 4, slicesOf(make([]byte, 32), image, post, output, []byte{byte(system), 0, 0, 0, byte(user), 0, 0, 0}))
	var inputs []byte
	for _, d := range [][]byte{controlRoot, claim} {
		low, high := make([]byte, 32), make([]byte, 32)
		for i := range 16 { // byte i of the reversed digest is byte 31−i
			low[16+i], high[16+i] = d[15-i], d[31-i]
		}
		inputs = append(append(inputs, low...), high...)
	}
	inputs = append(inputs, controlID...)
	parameters := v.RISC0Parameters()
	keyDigest := zk.RISC0KeyDigest(m.key)
	return object{
		"name": "risc0-5.0", "system": "risc0-groth16", "version": "5.1", "curve": "bn254", "expect": "valid",
		"control_root": hex0x(controlRoot), "bn254_control_id": hex0x(controlID), "image_id": hex0x(image), "journal_hex": hex0x(journal),
		"exit_code": object{"system": system, "user": user}, "seal_hex": hex0x(slicesOf(parameters[:4], m.prove(tb, inputs))),
		"claim_digest": hex0x(claim), "output_digest": hex0x(output), "post_state_digest": hex0x(post),
		"verifier_parameters_digest": hex0x(parameters[:]), "verifying_key_digest": hex0x(keyDigest[:]),
		"public_inputs": decs(inputs), "selector": hex0x(parameters[:4]), "verifying_key": keyPoints(m.key),
	}
}

func sha(b []byte) [32]byte { return sha256.Sum256(b) }

func sum(b []byte) []byte { s := sha(b); return s[:] }

func tag(name string, downs byte, rest []byte) []byte {
	return sum(slicesOf(sum([]byte(name)), rest, []byte{downs, 0}))
}

// TestRISC0 judges a receipt of the shape of RISC Zero 5.0, under a control root
// of its own.
func TestRISC0(t *testing.T) {
	m := newMaker(t, 5)
	good := risc0Case(t, m, 0, 0, false)
	bare := without(good, "claim_digest", "output_digest", "post_state_digest", "verifier_parameters_digest", "verifying_key_digest", "public_inputs", "selector")
	// A verifier that took these from the file would accept: the claim of a paused
	// guest, of one that failed, of one with assumptions.
	conditional := risc0Case(t, m, 0, 0, true)
	for _, c := range []struct {
		name string
		o    object
		want assay.Code
	}{
		{"whole", good, ""},
		{"bare", bare, ""},
		{"paused, honestly proved", risc0Case(t, m, 1, 0, false), zk.CodeExit},
		{"failed, honestly proved", risc0Case(t, m, 0, 1, false), zk.CodeExit},
		{"conditional, honestly proved", conditional, groth16.CodePairing},
		{"conditional and says so", with(conditional, "assumptions", []any{hex0x(root)}), CodeForm},
		{"stated assumptions", with(good, "assumptions_digest", hex0x(root)), CodeForm},
		{"no assumptions, stated", with(good, "assumptions", []any{}), ""},
		{"image", flipHex(bare, "image_id", 0), groth16.CodePairing},
		{"journal", flipHex(bare, "journal_hex", 0), groth16.CodePairing},
		{"control root", flipHex(bare, "control_root", 0), zk.CodeSelector},
		{"control id", flipHex(bare, "bn254_control_id", 31), zk.CodeSelector},
		{"selector", flipHex(bare, "seal_hex", 0), zk.CodeSelector},
		{"exit code of 33 bits", with(good, "exit_code", object{"system": 1 << 32, "user": 0}), CodeForm},
		{"no exit code", without(good, "exit_code"), CodeUnusable},
		{"3.0 by name", with(good, "version", "3.0"), CodeRelease},
		{"5.0 by name", with(good, "version", "5.0.0-rc.1"), CodeRelease},
		{"stated claim", flipHex(good, "claim_digest", 0), CodeDerived},
		{"stated output", flipHex(good, "output_digest", 0), CodeDerived},
		{"stated post state", flipHex(good, "post_state_digest", 0), CodeDerived},
		{"stated parameters", flipHex(good, "verifier_parameters_digest", 31), CodeDerived},
		{"stated key digest", flipHex(good, "verifying_key_digest", 31), CodeDerived},
		{"stated selector", flipHex(good, "selector", 0), CodeDerived},
		{"stated inputs", with(good, "public_inputs", []any{}), CodeDerived},
	} {
		wantCode(t, c.name, caseOf(t, c.o).Judge(), c.want)
	}
	// The selector is four bytes of a hash: of a key whose selector was ground to
	// collide, the control root still enters the proof.
	other := flipHex(bare, "control_root", 0)
	f := caseOf(t, other).Judge()
	selector := f.Loaded.Selector()
	seal, _ := parseHex(bare["seal_hex"])
	copy(seal, selector[:])
	wantCode(t, "another root with its own selector", caseOf(t, with(other, "seal_hex", hex0x(seal))).Judge(), groth16.CodePairing)
}

// snarkjsCase returns a proof in the form of snarkjs.
func snarkjsCase(tb testing.TB, m *maker, public []byte) object {
	tb.Helper()
	p, err := groth16.ParseProof(m.prove(tb, public), 0)
	if err != nil {
		tb.Fatal(err)
	}
	third := func(l []any) []any { return append(l, "1") }
	third2 := func(l []any) []any { return append(l, []any{"1", "0"}) }
	var ic []any
	for i := range m.key.IC {
		ic = append(ic, third(g1(&m.key.IC[i])))
	}
	return object{
		"name": "snarkjs", "system": "snarkjs-groth16", "version": "snarkjs 0.7.6", "expect": "valid",
		"verifying_key": object{
			"protocol": "groth16", "curve": "bn128", "nPublic": m.key.Inputs(),
			"vk_alpha_1": third(g1(&m.key.Alpha)), "vk_beta_2": third2(g2(&m.key.Beta)),
			"vk_gamma_2": third2(g2(&m.key.Gamma)), "vk_delta_2": third2(g2(&m.key.Delta)),
			"vk_alphabeta_12": "nonsense, which nobody reads", "IC": ic,
		},
		"proof":  object{"protocol": "groth16", "curve": "bn128", "pi_a": third(g1(&p.A)), "pi_b": third2(g2(&p.B)), "pi_c": third(g1(&p.C))},
		"public": decs(public),
	}
}

// TestSnarkjs judges a proof of the shape of snarkjs, whose public signals are
// the smallest and the largest.
func TestSnarkjs(t *testing.T) {
	m := newMaker(t, 2)
	last := new(big.Int).Sub(plonk.Order(), big.NewInt(1))
	good := snarkjsCase(t, m, slicesOf(zktest.Element(0), last.Bytes()))
	wantCode(t, "whole", caseOf(t, good).Judge(), "")
	change := func(field, op string, v any) object { return object{"field": field, "op": op, "value": v} }
	for _, c := range []struct {
		name   string
		change object
		want   assay.Code
	}{
		{"another signal", change("public.0", "replace", "1"), groth16.CodePairing},
		{"a signal of r", change("public.0", "replace", plonk.Order().String()), bn254.CodeScalar},
		{"a signal as a number", change("public.0", "replace", 0), CodeForm},
		{"a signal with a sign", change("public.0", "replace", "-1"), bn254.CodeSlot},
		{"a signal with a leading zero", change("public.0", "replace", "00"), bn254.CodeSlot},
		{"a signal in hex", change("public.0", "replace", "0x0"), bn254.CodeSlot},
		{"one too many", change("public", "replace", []any{"0", last.String(), "0"}), groth16.CodeInputs},
		{"PLONK's protocol", change("proof.protocol", "replace", "plonk"), CodeForm},
		{"another curve", change("verifying_key.curve", "replace", "bls12381"), CodeForm},
		{"the key's protocol", change("verifying_key.protocol", "replace", "fflonk"), CodeForm},
		{"third coordinate of A", change("proof.pi_a.2", "replace", "2"), CodeForm},
		{"third coordinate of B", change("proof.pi_b.2", "replace", []any{"1", "1"}), CodeForm},
		{"third coordinate of the key", change("verifying_key.IC.1.2", "replace", "0"), CodeForm},
		{"no third coordinate", change("proof.pi_c", "replace", []any{"1", "2"}), CodeForm},
		{"infinity", change("proof.pi_c", "replace", []any{"0", "1", "0"}), CodeForm},
		{"infinity as zeros", change("proof.pi_c", "replace", []any{"0", "0", "1"}), bn254.CodeInfinity},
		{"a point of the curve", change("proof.pi_c", "replace", []any{"1", "2", "1"}), groth16.CodePairing},
		{"no point of the curve", change("proof.pi_c", "replace", []any{"1", "3", "1"}), bn254.CodeCurve},
		{"nPublic", change("verifying_key.nPublic", "replace", 3), CodeForm},
		{"an IC point at infinity", change("verifying_key.IC.1", "replace", []any{"0", "0", "1"}), bn254.CodeInfinity},
		{"an IC point less", change("verifying_key.IC", "replace", good["verifying_key"].(object)["IC"].([]any)[:2]), CodeForm},
		{"no proof", change("proof", "replace", nil), CodeUnusable},
		{"the key's alphabeta", change("verifying_key.vk_alphabeta_12", "replace", 1), ""},
	} {
		b, _ := json.Marshal(c.change)
		var n map[string]any
		if err := decode(b, &n); err != nil {
			t.Fatal(err)
		}
		changed, err := caseOf(t, good).change(n)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		wantCode(t, c.name, changed.Judge(), c.want)
	}
}

func plonkPoints(vk *gnarkplonk.VerifyingKey) object {
	o := object{
		"size": vk.Size, "nb_public": vk.NbPublicVariables, "kzg_g1": g1(&vk.Kzg.G1),
		"kzg_g2": []any{g2(&vk.Kzg.G2[0]), g2(&vk.Kzg.G2[1])},
	}
	for name, p := range map[string]*bn254.G1{"ql": &vk.Ql, "qr": &vk.Qr, "qm": &vk.Qm, "qo": &vk.Qo, "qk": &vk.Qk, "s1": &vk.S[0], "s2": &vk.S[1], "s3": &vk.S[2]} {
		o[name] = g1(p)
	}
	for name, e := range map[string]bn254.Element{"omega": vk.Generator, "coset_shift": vk.CosetShift, "size_inv": vk.SizeInv} {
		b := e.Bytes()
		o[name] = dec(b[:])
	}
	qcp, indexes := []any{}, []any{}
	for i := range vk.Qcp {
		qcp = append(qcp, g1(&vk.Qcp[i]))
		indexes = append(indexes, vk.CommitmentConstraintIndexes[i])
	}
	o["qcp"], o["commitment_constraint_indexes"] = qcp, indexes
	return o
}

// TestGnark judges gnark's own proofs, Groth16 and PLONK, and assay's own form.
func TestGnark(t *testing.T) {
	m := newMaker(t, 2)
	inputs := zktest.Elements(7, 9)
	raw := m.setup.Prove(t, inputs)
	proof, err := groth16.ProofFromGnark(raw)
	if err != nil {
		t.Fatal(err)
	}
	g := object{"system": "gnark-groth16", "expect": "valid", "verifying_key": keyPoints(m.key), "public_inputs": decs(inputs), "proof_hex": hex0x(proof)}
	wantCode(t, "groth16", caseOf(t, g).Judge(), "")
	wantCode(t, "groth16, raw", caseOf(t, with(without(g, "proof_hex"), "gnark_raw_hex", hex0x(raw))).Judge(), "")
	wantCode(t, "groth16, another input", caseOf(t, with(g, "public_inputs", []any{"7", "8"})).Judge(), groth16.CodePairing)
	vk, theirs := zktest.Plonk(t, inputs, 1)
	p := object{"system": "gnark-plonk", "expect": "valid", "verifying_key": plonkPoints(vk), "public_inputs": decs(inputs), "proof_hex": hex0x(plonk.ProofFromGnark(theirs))}
	wantCode(t, "plonk", caseOf(t, p).Judge(), "")
	wantCode(t, "plonk, another input", caseOf(t, with(p, "public_inputs", []any{"7", "8"})).Judge(), plonk.CodeProof)
	wantCode(t, "plonk, size_inv", caseOf(t, with(p, "verifying_key", with(plonkPoints(vk), "size_inv", "3"))).Judge(), CodeDerived)
	wantCode(t, "plonk, three powers", caseOf(t, with(p, "verifying_key", with(plonkPoints(vk), "kzg_g2", []any{}))).Judge(), CodeForm)

	f := caseOf(t, g).Judge()
	k := f.Loaded.Key()
	own := object{"system": "assay", "key_hex": hex0x(k.Bytes()), "public_hex": hex0x(inputs), "proof_hex": hex0x(proof), "key_digest": hex0x(f.Key[:])}
	wantCode(t, "own form", caseOf(t, own).Judge(), "")
	wantCode(t, "own form, another digest", caseOf(t, flipHex(own, "key_digest", 0)).Judge(), CodeDerived)
	wantCode(t, "own form, a guest", caseOf(t, with(own, "guest", hex0x(program))).Judge(), zk.CodeStatement)

	for name, b := range map[string][]byte{"a key of assay": k.Bytes(), "a key of gnark": m.setup.KeyBytes()} {
		if v, err := ParseKey(b); err != nil || v.Inputs() != 2 {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, o := range map[string]object{"a case": g, "snarkjs's": snarkjsCase(t, m, inputs)["verifying_key"].(object)} {
		b, _ := json.Marshal(o)
		if v, err := ParseKey(b); err != nil || v.Inputs() != 2 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParseKey([]byte("neither")); assay.CodeOf(err) != CodeUnusable {
		t.Error(err)
	}
}

// TestJudgeManifest: a negative that is accepted, cannot be applied, or does
// nothing makes the judgement fail; so does a file that is not what it should be.
func TestJudgeManifest(t *testing.T) {
	m := newMaker(t, 2)
	files := map[string]object{
		"good.json": with(snarkjsCase(t, m, zktest.Elements(1, 2)), "negatives", []any{
			object{"name": "refused", "field": "public.0", "op": "replace", "value": "3"},
			object{"name": "nested", "field": "proof.pi_a.2", "op": "replace", "value": "3"},
			object{"name": "unusable", "field": "system", "op": "replace", "value": "none"},
			object{"name": "harmless", "field": "comment", "op": "replace", "value": "x"},
			object{"name": "no field", "field": "", "op": "replace", "value": "x"},
			object{"name": "unknown op", "field": "public", "op": "drop"},
			object{"name": "nothing there", "field": "a.b.c", "op": "xor", "offset": 0, "value": "01"},
			object{"name": "no hex", "field": "public", "op": "xor", "offset": 0, "value": "01"},
			"no object",
		}),
		"hex.json": with(sp1v6(t, newMaker(t, 5), 0, true), "negatives", []any{
			object{"name": "mask", "field": "proof_hex", "op": "xor", "offset": 0, "value": "0x80"},
			object{"name": "number", "field": "proof_hex", "op": "xor", "offset": 1, "value": 128},
			object{"name": "behind the end", "field": "proof_hex", "op": "xor", "offset": 356, "value": "01"},
			object{"name": "no bit", "field": "proof_hex", "op": "xor", "offset": 0, "value": "00"},
			object{"name": "two bytes", "field": "proof_hex", "op": "xor", "offset": 0, "value": "0101"},
			object{"name": "a nested key", "field": "verifying_key.alpha_g1.0", "op": "replace", "value": "1"},
		}),
	}
	manifest := object{"format": Format, "cases": []any{
		object{"file": "good.json", "expect": "valid", "system": "snarkjs-groth16", "negatives": 9},
		object{"file": "hex.json", "expect": "valid", "negatives": 6, "licence": "free"},
		object{"file": "good.json", "expect": "key-only"},
		object{"file": "hex.json", "expect": "valid", "negatives": 4},
		object{"file": "missing.json", "expect": "valid"},
		object{"file": "../good.json", "expect": "valid"},
		object{"file": "/good.json", "expect": "valid"},
	}}
	b, _ := json.Marshal(manifest)
	parsed, err := ParseManifest(b)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range JudgeManifest(parsed, func(name string) ([]byte, error) {
		if o, ok := files[name]; ok {
			return json.Marshal(o)
		}
		return nil, assay.Refuse(CodeUnusable, "no file %s", name)
	}) {
		mark := "-"
		if l.OK {
			mark = "+"
		}
		got = append(got, mark+l.Case+"/"+l.Negative+"="+string(l.Got))
	}
	want := strings.Fields(`
		+good/=valid +good/refused=invalid +good/nested=invalid +good/unusable=invalid -good/harmless=valid
		-good/no_field=unusable -good/unknown_op=unusable -good/nothing_there=unusable -good/no_hex=unusable -good/#8=unusable
		+hex/=valid +hex/mask=invalid +hex/number=invalid -hex/behind_the_end=unusable -hex/no_bit=unusable -hex/two_bytes=unusable +hex/a_nested_key=invalid
		-good/=valid`)
	for i, w := range want {
		if i >= len(got) || strings.ReplaceAll(got[i], " ", "_") != w {
			t.Fatalf("line %d: %v, want %s", i, got[min(i, len(got)-1)], w)
		}
	}
	for _, l := range got[len(got)-3:] {
		if !strings.HasPrefix(l, "-") || !strings.HasSuffix(l, "unusable") {
			t.Errorf("a file outside: %s", l)
		}
	}
	for _, text := range []string{"", "[]", "{}", `{"format":"x","cases":[]}`, `{"format":"assay-zk-vectors/1"}`, `{} {}`, strings.Repeat("[", 100)} {
		if _, err := ParseManifest([]byte(text)); assay.CodeOf(err) != CodeUnusable {
			t.Errorf("manifest %q: %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	m := newMaker(f, 2)
	for _, o := range []object{snarkjsCase(f, m, zktest.Elements(1, 2)), sp1v6(f, newMaker(f, 5), 0, true), risc0Case(f, newMaker(f, 5), 0, 0, false)} {
		b, _ := json.Marshal(o)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := Parse(b); err == nil {
			if found := c.Judge(); (found.Err == nil) != (found.Outcome == Valid || found.Outcome == KeyOnly) {
				t.Errorf("%s with %v", found.Outcome, found.Err)
			}
		}
		_, _ = ParseManifest(b)
		_, _ = ParseKey(b)
	})
}
