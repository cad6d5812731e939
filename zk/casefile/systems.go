package casefile

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"math/big"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/zk"
	"github.com/capacloud/assay/zk/groth16"
	"github.com/capacloud/assay/zk/plonk"
)

func hexOf(b [32]byte) string { return hex.EncodeToString(b[:]) }

// groth16Points reads the points of a key as SP1's and RISC Zero's cases have them.
func (r *reader) groth16Points() (*groth16.Key, error) {
	var p points
	g := &groth16.Points{
		Alpha: r.g1(p, "alpha_g1"), Beta: r.g2(p, "beta_g2"), Gamma: r.g2(p, "gamma_g2"), Delta: r.g2(p, "delta_g2"),
		IC: r.g1s(p, "ic"),
	}
	if r.err != nil {
		return nil, r.err
	}
	return groth16.KeyOf(g)
}

// groth16Key reads a key from its points, from gnark's bytes, or from both, which
// must then be the same key. It returns gnark's bytes, if there are any.
func (r *reader) groth16Key() (*groth16.Key, []byte, error) {
	vk := r.object("verifying_key")
	if r.err != nil {
		return nil, nil, r.err
	}
	var fromPoints, fromBytes *groth16.Key
	var file []byte
	var err error
	if vk.has("alpha_g1") || !vk.has("gnark_compressed_hex") {
		if fromPoints, err = vk.groth16Points(); err != nil {
			return nil, nil, err
		}
	}
	if vk.has("gnark_compressed_hex") {
		if file = vk.hex("gnark_compressed_hex"); vk.err != nil {
			return nil, nil, vk.err
		}
		if fromBytes, err = groth16.ParseGnarkKey(file); err != nil {
			return nil, nil, err
		}
	}
	switch {
	case fromPoints == nil:
		return fromBytes, file, nil
	case fromBytes != nil && string(fromBytes.Bytes()) != string(fromPoints.Bytes()):
		return nil, nil, assay.Refuse(CodeDerived, "the key's points and its bytes are two keys")
	}
	return fromPoints, file, nil
}

// sp1Hash returns the hash that names a key file: of its bytes where the case
// has them, else the one that the case pins.
func (r *reader) sp1Hash(file []byte) (hash [32]byte) {
	switch {
	case file != nil:
		hash = sha256.Sum256(file)
		r.sameHex("verifier_hash", hash[:])
	case r.has("verifier_hash"):
		hash = r.word("verifier_hash")
	default: // the selector routes, and nothing more is known
		if b := r.hex("selector"); len(b) == 4 {
			copy(hash[:], b)
		} else {
			r.fail(assay.Refuse(CodeUnusable, "neither verifier_hash nor a selector of 4 bytes"))
		}
	}
	return hash
}

func sp1Groth16(r *reader, f *Finding) error {
	vk, file, err := r.groth16Key()
	if err != nil {
		return err
	}
	k := zk.Key{Version: 1, System: zk.SP1, Release: f.Release, Scheme: zk.SchemeGroth16, VK: vk.Bytes(), Hash: r.sp1Hash(file)}
	if vk.Inputs() > 2 {
		k.Root = r.word("vk_root")
	}
	return r.sp1(k, f)
}

func sp1Plonk(r *reader, f *Finding) error {
	vk, err := r.plonkKey()
	if err != nil {
		return err
	}
	return r.sp1(zk.Key{Version: 1, System: zk.SP1, Release: f.Release, Scheme: zk.SchemePlonk, VK: vk.Bytes(), Hash: r.sp1Hash(nil)}, f)
}

// sp1 is what SP1's two schemes share.
func (r *reader) sp1(k zk.Key, f *Finding) error {
	r.sameHex("selector", k.Hash[:4])
	if r.err != nil {
		return r.err
	}
	if err := checkRelease(f.System, f.Release, k.Hash, k.Root); err != nil {
		return err
	}
	if err := f.load(&k); err != nil {
		return err
	}
	if !r.has("proof_hex") {
		return r.noProof(f)
	}
	f.Guest, f.Public, f.Proof = r.word("program_vkey"), r.hex("public_values_hex"), r.hex("proof_hex")
	if err := f.verify(r); err != nil {
		return err
	}
	digest := zk.SP1Digest(f.Public)
	r.sameHex("public_values_digest", digest[:])
	inputs := append(f.Guest[:len(f.Guest):len(f.Guest)], digest[:]...)
	if f.Loaded.Inputs() > 2 && len(f.Proof) >= 4+96 {
		words := f.Proof[4 : 4+96]
		r.sameNumber("exit_code", words[:32])
		r.sameNumber("nonce", words[64:])
		inputs = append(inputs, words...)
	}
	r.sameNumbers("public_inputs", inputs)
	return r.err
}

// noProof ends a case that has a key alone. It must say so itself: a file that
// lost its proof is unusable.
func (r *reader) noProof(f *Finding) error {
	if r.fields["expect"] != string(KeyOnly) {
		return assay.Refuse(CodeUnusable, "there is no proof")
	}
	f.Outcome = KeyOnly
	return nil
}

// load reads the key strictly.
func (f *Finding) load(k *zk.Key) error {
	v, err := k.Load()
	if err != nil {
		return err
	}
	f.Loaded, f.Key = v, k.Digest()
	return nil
}

func (f *Finding) verify(r *reader) error {
	if r.err != nil {
		return r.err
	}
	return f.Loaded.Verify(f.Guest, f.Public, f.Proof)
}

func risc0(r *reader, f *Finding) error {
	vk, _, err := r.groth16Key()
	if err != nil {
		return err
	}
	k := zk.Key{
		Version: 1, System: zk.RISC0, Release: f.Release, Scheme: zk.SchemeGroth16, VK: vk.Bytes(),
		Root: r.word("control_root"), Control: r.word("bn254_control_id"),
	}
	if r.err != nil {
		return r.err
	}
	if err := f.load(&k); err != nil {
		return err
	}
	parameters, keyDigest := f.Loaded.RISC0Parameters(), zk.RISC0KeyDigest(vk)
	if r.has("seal_hex") {
		if err := r.receipt(f); err != nil {
			return err
		}
	}
	r.sameHex("verifying_key_digest", keyDigest[:])
	r.sameHex("verifier_parameters_digest", parameters[:])
	r.sameHex("selector", parameters[:4])
	if r.err != nil {
		return r.err
	}
	if err := checkRelease(f.System, f.Release, parameters, [32]byte{}); err != nil {
		return err
	}
	if !r.has("seal_hex") {
		return r.noProof(f)
	}
	return nil
}

func (r *reader) receipt(f *Finding) error {
	f.Guest, f.Public, f.Proof = r.word("image_id"), r.hex("journal_hex"), r.hex("seal_hex")
	exit := r.exit()
	if r.absent("assumptions"); r.err == nil {
		r.absent("assumptions_digest")
	}
	if r.err != nil {
		return r.err
	}
	if err := f.Loaded.VerifyReceipt(f.Guest, f.Public, f.Proof, exit); err != nil {
		return err
	}
	journal, output, post := sha256.Sum256(f.Public), zk.RISC0Output(f.Public), zk.RISC0PostState()
	claim := zk.RISC0Claim(f.Guest, f.Public, exit)
	r.sameHex("journal_digest", journal[:])
	r.sameHex("output_digest", output[:])
	r.sameHex("post_state_digest", post[:])
	r.sameHex("claim_digest", claim[:])
	inputs, err := f.Loaded.RISC0Inputs(claim)
	if err != nil {
		return err
	}
	var all []byte
	for i := range inputs {
		b := inputs[i].Bytes()
		all = append(all, b[:]...)
	}
	r.sameNumbers("public_inputs", all)
	return r.err
}

// exit reads how a guest ended; the field must be there.
func (r *reader) exit() zk.RISC0Exit {
	o := r.object("exit_code")
	system, user := o.count("system"), o.count("user")
	if o.err == nil && max(system, user) > math.MaxUint32 {
		o.err = assay.Refuse(CodeForm, "exit_code exceeds 32 bits")
	}
	if o.err != nil {
		r.fail(o.err)
	}
	return zk.RISC0Exit{System: uint32(system), User: uint32(user)}
}

// snarkjs reads the three JSON objects that snarkjs writes. vk_alphabeta_12 is
// redundant, and not read.
func snarkjs(r *reader, f *Finding) error {
	vk := r.object("verifying_key")
	if r.err != nil {
		return r.err
	}
	key, err := vk.snarkjsKey()
	if err != nil {
		return err
	}
	if err := f.load(&zk.Key{Version: 1, System: zk.Circom, Scheme: zk.SchemeGroth16, VK: key.Bytes()}); err != nil {
		return err
	}
	if !r.has("proof") {
		return r.noProof(f)
	}
	proof := r.object("proof")
	if r.err != nil {
		return r.err
	}
	if err := proof.snarkjsForm(); err != nil {
		return err
	}
	p := points{third: true}
	f.Public = r.scalars("public")
	f.Proof = append(proof.g1(p, "pi_a"), proof.g2(p, "pi_b")...)
	f.Proof = append(f.Proof, proof.g1(p, "pi_c")...)
	if proof.err != nil {
		return proof.err
	}
	return f.verify(r)
}

// snarkjsForm checks what kind of object it is.
func (r *reader) snarkjsForm() error {
	if r.fields["protocol"] != "groth16" || r.fields["curve"] != "bn128" {
		return assay.Refuse(CodeForm, "protocol %v on curve %v, want groth16 on bn128", r.fields["protocol"], r.fields["curve"])
	}
	return nil
}

func (r *reader) snarkjsKey() (*groth16.Key, error) {
	if err := r.snarkjsForm(); err != nil {
		return nil, err
	}
	p := points{third: true}
	g := &groth16.Points{
		Alpha: r.g1(p, "vk_alpha_1"), Beta: r.g2(p, "vk_beta_2"), Gamma: r.g2(p, "vk_gamma_2"), Delta: r.g2(p, "vk_delta_2"),
		IC: r.g1s(p, "IC"),
	}
	if r.err != nil {
		return nil, r.err
	}
	key, err := groth16.KeyOf(g)
	if err != nil {
		return nil, err
	}
	if n := r.count("nPublic"); r.err != nil || n != uint64(key.Inputs()) {
		return nil, assay.Refuse(CodeForm, "nPublic is %v, the key has %d inputs", r.fields["nPublic"], key.Inputs())
	}
	return key, nil
}

// gnarkGroth16 reads gnark's own: the key as points or as VerifyingKey.WriteTo
// writes it, public inputs as decimals, and the proof in the EVM's order
// (proof_hex) or as Proof.WriteRawTo writes it (gnark_raw_hex).
func gnarkGroth16(r *reader, f *Finding) error {
	vk, _, err := r.groth16Key()
	if err != nil {
		return err
	}
	if err := f.load(&zk.Key{Version: 1, System: zk.Groth16, Scheme: zk.SchemeGroth16, VK: vk.Bytes()}); err != nil {
		return err
	}
	switch {
	case r.has("proof_hex"):
		f.Proof = r.hex("proof_hex")
	case r.has("gnark_raw_hex"):
		raw := r.hex("gnark_raw_hex")
		if r.err != nil {
			return r.err
		}
		if f.Proof, err = groth16.ProofFromGnark(raw); err != nil {
			return err
		}
	default:
		return r.noProof(f)
	}
	f.Public = r.scalars("public_inputs")
	return f.verify(r)
}

// gnarkPlonk reads gnark's own: the key as SP1's cases have it, public inputs as
// decimals, the proof as Proof.MarshalSolidity writes it.
func gnarkPlonk(r *reader, f *Finding) error {
	vk, err := r.plonkKey()
	if err != nil {
		return err
	}
	if err := f.load(&zk.Key{Version: 1, System: zk.Plonk, Scheme: zk.SchemePlonk, VK: vk.Bytes()}); err != nil {
		return err
	}
	if !r.has("proof_hex") {
		return r.noProof(f)
	}
	f.Public, f.Proof = r.scalars("public_inputs"), r.hex("proof_hex")
	return f.verify(r)
}

func (r *reader) plonkKey() (*plonk.Key, error) {
	vk := r.object("verifying_key")
	if r.err != nil {
		return nil, r.err
	}
	var p points
	k := &plonk.Points{
		Size: vk.count("size"), Inputs: vk.count("nb_public"), Omega: vk.scalar("omega"), Coset: vk.scalar("coset_shift"),
		Ql: vk.g1(p, "ql"), Qr: vk.g1(p, "qr"), Qm: vk.g1(p, "qm"), Qo: vk.g1(p, "qo"), Qk: vk.g1(p, "qk"),
		Qcp: vk.g1s(p, "qcp"), G1: vk.g1(p, "kzg_g1"),
	}
	for i, name := range []string{"s1", "s2", "s3"} {
		k.S[i] = vk.g1(p, name)
	}
	powers := vk.list("kzg_g2")
	if vk.err == nil && len(powers) != len(k.G2) {
		return nil, assay.Refuse(CodeForm, "kzg_g2 has %d points, not %d", len(powers), len(k.G2))
	}
	for i := range powers {
		b, err := p.g2("kzg_g2", powers[i])
		if err != nil {
			vk.fail(err)
			break
		}
		k.G2[i] = b
	}
	for _, v := range vk.list("commitment_constraint_indexes") {
		n, ok := number(v)
		if !ok || !n.IsUint64() {
			vk.fail(assay.Refuse(CodeForm, "an index of a commitment is no number of 64 bits"))
			break
		}
		k.Indexes = append(k.Indexes, n.Uint64())
	}
	if vk.err != nil {
		return nil, vk.err
	}
	key, err := plonk.KeyOf(k)
	if err != nil {
		return nil, err
	}
	inverse := new(big.Int).ModInverse(new(big.Int).SetUint64(k.Size), plonk.Order())
	vk.sameNumber("size_inv", inverse.Bytes())
	return key, vk.err
}

// native reads assay's own: the canonical bytes of a key, of any system.
func native(r *reader, f *Finding) error {
	key := r.hex("key_hex")
	if r.err != nil {
		return r.err
	}
	v, err := zk.ParseKey(key)
	if err != nil {
		return err
	}
	f.Loaded, f.Key = v, zk.DigestOf(key)
	f.System, f.Release = v.Key().System, v.Key().Release
	r.sameHex("key_digest", f.Key[:])
	if !r.has("proof_hex") {
		return r.noProof(f)
	}
	if r.has("guest") {
		f.Guest = r.word("guest")
	}
	f.Public, f.Proof = r.hex("public_hex"), r.hex("proof_hex")
	return f.verify(r)
}
