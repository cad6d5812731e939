package circom

import (
	"bytes"
	"encoding/json"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/capacloud/assay/zk"
)

// peer runs snarkjs in a folder of its own.
type peer struct {
	t   testing.TB
	cli string
	dir string
}

// newPeer skips the test where Node or snarkjs is missing. ASSAY_NODE_PEERS is a
// folder in which `npm install snarkjs@0.7.6` was run.
func newPeer(t testing.TB) *peer {
	t.Helper()
	root := os.Getenv("ASSAY_NODE_PEERS")
	if root == "" {
		t.Skip("ASSAY_NODE_PEERS is not set: no snarkjs to compare with")
	}
	cli := filepath.Join(root, "node_modules", "snarkjs", "build", "cli.cjs")
	if _, err := os.Stat(cli); err != nil {
		t.Skipf("no snarkjs in ASSAY_NODE_PEERS: %v", err)
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("no node")
	}
	return &peer{t, cli, t.TempDir()}
}

func (p *peer) write(name string, b []byte) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), b, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) read(name string) []byte {
	p.t.Helper()
	b, err := os.ReadFile(filepath.Join(p.dir, name))
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

func (p *peer) run(args ...string) (string, error) {
	c := exec.Command("node", append([]string{p.cli}, args...)...)
	c.Dir = p.dir
	out, err := c.CombinedOutput()
	return string(out), err
}

func (p *peer) must(args ...string) {
	p.t.Helper()
	if out, err := p.run(args...); err != nil {
		p.t.Fatalf("snarkjs %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestSnarkjsVerifiesOurProofAndWeVerifyIts(t *testing.T) {
	p := newPeer(t)
	c := newChain(t)
	input := `{"bind":["5","6"],"a":3,"b":"2"}`
	w := c.witness(t, input)
	proof, err := c.key.Prove(t.Context(), w, nil)
	if err != nil {
		t.Fatal(err)
	}
	p.write("our.zkey", c.zkey)
	p.write("our.wasm", read(t, "chain.wasm"))
	p.write("input.json", []byte(input))
	p.write("proof.json", proof.JSON())
	p.write("public.json", c.key.PublicJSON(w))

	p.must("zkey", "export", "verificationkey", "our.zkey", "vk.json")
	p.must("groth16", "verify", "vk.json", "public.json", "proof.json")
	p.write("public.json", []byte(strings.Replace(string(c.key.PublicJSON(w)), `"5"`, `"4"`, 1)))
	if out, err := p.run("groth16", "verify", "vk.json", "public.json", "proof.json"); err == nil {
		t.Fatalf("snarkjs accepts another binding:\n%s", out)
	}

	p.must("wtns", "calculate", "our.wasm", "input.json", "their.wtns")
	if !bytes.Equal(p.read("their.wtns"), EncodeWitness(w)) {
		t.Fatal("snarkjs computes another witness")
	}
	p.must("groth16", "prove", "our.zkey", "their.wtns", "theirs.json", "theirpublic.json")
	vk, err := c.key.VerifyingKey()
	if err != nil {
		t.Fatal(err)
	}
	if err := zk.Verify(vk, [32]byte{}, public(c.key, w), proofOfJSON(t, p.read("theirs.json"))); err != nil {
		t.Fatalf("we refuse snarkjs's proof: %v", err)
	}
	if !bytes.Equal(bytes.Join(bytes.Fields(p.read("theirpublic.json")), nil), c.key.PublicJSON(w)) {
		t.Fatal("snarkjs writes other public signals")
	}
}

func proofOfJSON(t testing.TB, b []byte) []byte {
	t.Helper()
	var j jsonProof
	if err := json.Unmarshal(b, &j); err != nil {
		t.Fatal(err)
	}
	var out []byte
	for _, s := range []string{j.A[0], j.A[1], j.B[0][1], j.B[0][0], j.B[1][1], j.B[1][0], j.C[0], j.C[1]} {
		n, ok := new(big.Int).SetString(s, 10)
		if !ok {
			t.Fatalf("%q", s)
		}
		out = append(out, n.FillBytes(make([]byte, 32))...)
	}
	return out
}
