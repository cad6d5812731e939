package casefile

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// vectors returns the folder of the shared proofs, or skips.
func vectors(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("ASSAY_VECTORS")
	if dir == "" {
		t.Skip("ASSAY_VECTORS is not set: third-party proofs are not judged")
	}
	dir = filepath.Join(dir, "zk")
	if _, err := os.Stat(filepath.Join(dir, "manifest.json")); err != nil {
		t.Skip("no manifest of proofs under ASSAY_VECTORS: third-party proofs are not judged")
	}
	return dir
}

// TestVectors judges every case of the shared folder, and every listed change.
func TestVectors(t *testing.T) {
	judgeFolder(t, vectors(t))
}

// everyDerived are the fields that a file could leave out.
var everyDerived = []string{
	"public_values_digest", "selector", "exit_code", "nonce", "public_inputs", "claim_digest", "output_digest",
	"post_state_digest", "journal_digest", "verifier_parameters_digest", "verifying_key_digest",
}

// load returns the cases of the shared folder that hold a proof, without what
// could be derived: nothing but the verifier can refuse a change to them.
func load(t testing.TB) []*Case {
	t.Helper()
	dir := vectors(t)
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list []*Case
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c, err := Parse(b)
		if err != nil || c.Expect() != Valid {
			continue
		}
		for _, name := range everyDerived {
			if name != "exit_code" || c.fields["system"] != "risc0-groth16" {
				delete(c.fields, name)
			}
		}
		if c.fields["system"] == "sp1-plonk" { // nothing else names its release
			c.fields["selector"] = c.fields["proof_hex"].(string)[:10]
		}
		list = append(list, c)
	}
	return list
}

// TestVectorsBare judges the shared cases by the verifier alone.
func TestVectorsBare(t *testing.T) {
	for _, c := range load(t) {
		if f := c.Judge(); f.Outcome != Valid {
			t.Errorf("%s: %v", c.Name(), f.Err)
		}
		for _, l := range c.judgeNegatives(c.Name()) {
			if !l.OK || l.Code == CodeDerived {
				t.Errorf("%s %s: %s: %s", c.Name(), l.Negative, l.Got, l.Reason)
			}
		}
	}
}

// TestVectorBits flips bits of everything hexadecimal in the shared cases, key
// files included: each must be refused, but for the parts of a key file that
// verification does not use and its hash pins.
func TestVectorBits(t *testing.T) {
	step := 41
	if os.Getenv("ASSAY_EXHAUSTIVE") != "" {
		step = 1
	} else if testing.Short() {
		step = 331
	}
	tried := 0
	for _, c := range load(t) {
		fields := []string{"proof_hex", "public_values_hex", "program_vkey", "seal_hex", "journal_hex", "image_id", "control_root", "bn254_control_id"}
		if vk, ok := c.fields["verifying_key"].(map[string]any); ok && vk["gnark_compressed_hex"] != nil {
			for name := range vk { // the bytes alone are the key now
				if name != "gnark_compressed_hex" {
					delete(vk, name)
				}
			}
			fields = append(fields, "verifying_key.gnark_compressed_hex")
		}
		for _, field := range fields {
			for bit := 0; ; bit += step {
				changed, err := c.change(map[string]any{
					"field": field, "op": "xor", "offset": json.Number(strconv.Itoa(bit / 8)), "value": fmt.Sprintf("%02x", 1<<(bit%8)),
				})
				if err != nil { // the field is not there, or ends here
					break
				}
				tried++
				if f := changed.Judge(); f.Outcome == Valid {
					t.Errorf("%s: bit %d of %s does not matter", c.Name(), bit, field)
				}
			}
		}
	}
	t.Logf("%d changes", tried)
}
