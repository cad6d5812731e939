package casefile

import (
	"bytes"
	"encoding/json"
	"flag"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"github.com/capacloud/assay/zk/groth16"
	"github.com/capacloud/assay/zk/plonk"
	"github.com/capacloud/assay/zk/zktest"
)

var update = flag.Bool("update", false, "make the cases of testdata anew")

// writeFixtures makes one case of each shape, with changes that must have it
// refused: what the shared vectors are, but of our own making.
func writeFixtures(t *testing.T, dir string) {
	t.Helper()
	five, two := newMaker(t, 5), newMaker(t, 2)
	hex := func(name, field string, offset int) object {
		return object{"name": name, "field": field, "op": "xor", "offset": offset, "value": "01", "reason": "made for tests"}
	}
	replace := func(name, field string, v any) object {
		return object{"name": name, "field": field, "op": "replace", "value": v, "reason": "made for tests"}
	}
	last := new(big.Int).Sub(plonk.Order(), big.NewInt(1))
	inputs := zktest.Elements(7, 9)
	vk, proof := zktest.Plonk(t, inputs, 1)
	raw := two.setup.Prove(t, inputs)
	evm, err := groth16.ProofFromGnark(raw)
	if err != nil {
		t.Fatal(err)
	}
	cases := []object{
		with(sp1v6(t, five, 0, true), "negatives", []any{
			hex("program", "program_vkey", 31), hex("public", "public_values_hex", 0), hex("selector", "proof_hex", 0), hex("exit", "proof_hex", 35),
			hex("root", "proof_hex", 60), hex("pinned_root", "vk_root", 31), hex("nonce", "proof_hex", 99), hex("a", "proof_hex", 131),
			replace("stated_exit", "exit_code", 1), replace("stated_nonce", "nonce", "1"), replace("key_point", "verifying_key.ic.1", []any{"1", "2"}),
		}),
		with(risc0Case(t, five, 0, 0, false), "negatives", []any{
			hex("image", "image_id", 0), hex("journal", "journal_hex", 0), hex("control_root", "control_root", 0), hex("control_id", "bn254_control_id", 31),
			hex("selector", "seal_hex", 0), hex("seal", "seal_hex", 70), replace("paused", "exit_code", object{"system": 1, "user": 0}),
			replace("user_1", "exit_code.user", 1), replace("conditional", "assumptions", []any{hex0x(root)}), hex("claim", "claim_digest", 0),
		}),
		with(snarkjsCase(t, two, slicesOf(zktest.Element(0), last.Bytes())), "negatives", []any{
			replace("signal", "public.0", "1"), replace("not_reduced", "public.0", plonk.Order().String()), replace("third", "proof.pi_a.2", "0"),
			replace("swapped", "proof.pi_b.0", []any{"1", "2"}), replace("protocol", "proof.protocol", "plonk"),
		}),
		{
			"name": "gnark-groth16", "system": "gnark-groth16", "expect": "valid", "verifying_key": keyPoints(two.key), "public_inputs": decs(inputs),
			"proof_hex": hex0x(evm), "negatives": []any{replace("input", "public_inputs.1", "8"), hex("c", "proof_hex", 255)},
		},
		{
			"name": "gnark-plonk", "system": "gnark-plonk", "expect": "valid", "verifying_key": plonkPoints(vk), "public_inputs": decs(inputs),
			"proof_hex": hex0x(plonk.ProofFromGnark(proof)), "negatives": []any{replace("input", "public_inputs.1", "8"), hex("value", "proof_hex", 415), replace("coset", "verifying_key.coset_shift", "1")},
		},
		with(without(sp1v6(t, five, 0, false), "proof_hex", "program_vkey", "public_values_hex", "public_inputs"), "expect", "key-only"),
	}
	cases[len(cases)-1]["name"] = "sp1-v6-key"
	var entries []any
	for _, c := range cases {
		name := c["name"].(string) + ".json"
		negatives, _ := c["negatives"].([]any)
		entries = append(entries, object{"file": name, "expect": c["expect"], "system": c["system"], "negatives": len(negatives), "licence": "made for this project", "source": "zk/casefile, go test -update"})
		writeJSON(t, filepath.Join(dir, name), c)
	}
	writeJSON(t, filepath.Join(dir, "manifest.json"), object{"format": Format, "cases": entries})
}

func writeJSON(t *testing.T, file string, o object) {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", " ")
	if err := enc.Encode(o); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestFixtures judges the cases of testdata.
func TestFixtures(t *testing.T) {
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		writeFixtures(t, "testdata")
	}
	judgeFolder(t, "testdata")
}

func judgeFolder(t *testing.T, dir string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseManifest(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range JudgeManifest(m, func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(dir, name)) }) {
		if !l.OK {
			t.Errorf("%s %s: expected %s, got %s: %s", l.Case, l.Negative, l.Expected, l.Got, l.Reason)
		}
	}
}
