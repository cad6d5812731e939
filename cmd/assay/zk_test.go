package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/consensys/gnark/frontend"

	"github.com/capacloud/assay/circuit"
	"github.com/capacloud/assay/zk/casefile"
)

// commandLine runs one command line and returns its exit code and what it printed.
func commandLine(args ...string) (exit int, stdout, stderr string) {
	var out, errs bytes.Buffer
	exit = Main(args, strings.NewReader(""), &out, &errs)
	return exit, out.String(), errs.String()
}

func want(t *testing.T, exit int, contains string, args ...string) string {
	t.Helper()
	got, out, errs := commandLine(args...)
	if got != exit || !strings.Contains(out+errs, contains) {
		t.Fatalf("assay %s: exit %d, want %d with %q\n%s%s", strings.Join(args, " "), got, exit, contains, out, errs)
	}
	return out
}

func fixture(name string) string {
	return filepath.Join("..", "..", "zk", "casefile", "testdata", name)
}

// TestZK runs the offline commands on cases of our own making.
func TestZK(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"sp1-v6", "risc0-5.0", "snarkjs", "gnark-groth16", "gnark-plonk"} {
		want(t, exitOK, "valid", "zk", "verify", fixture(name+".json"))
		var v caseView
		if err := json.Unmarshal([]byte(want(t, exitOK, "", "zk", "verify", fixture(name+".json"), "--json")), &v); err != nil || v.Answer != casefile.Valid {
			t.Errorf("%s: %v %+v", name, err, v)
		}
		key := strings.TrimSpace(want(t, exitOK, v.Key, "zk", "key", fixture(name+".json"), "--out", filepath.Join(dir, name)))[:len(v.Key)]
		want(t, exitOK, key, "zk", "key", filepath.Join(dir, name))
		want(t, exitOK, "valid", "zk", "verify", fixture(name+".json"), "--key", key)
		want(t, exitRefuted, "zk-key-pinned", "zk", "verify", fixture(name+".json"), "--key", "sha256:"+strings.Repeat("0", 64))
	}
	b, err := os.ReadFile(fixture("snarkjs.json"))
	if err != nil {
		t.Fatal(err)
	}
	lie := filepath.Join(dir, "lie.json")
	if err := os.WriteFile(lie, bytes.Replace(b, []byte(`"public": [
  "0"`), []byte(`"public": [
  "1"`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, exitRefuted, "groth16-pairing", "zk", "verify", lie)
	want(t, exitRefuted, `"answer": "invalid"`, "zk", "verify", lie, "--json")
	want(t, exitUsage, "there is no proof", "zk", "verify", fixture("sp1-v6-key.json"))
	want(t, exitUsage, "zk-case-unusable", "zk", "verify", fixture("manifest.json"))
	want(t, exitUsage, "file", "zk", "verify", filepath.Join(dir, "nothing.json"))
	want(t, exitUsage, "usage", "zk", "verify")
	lines := strings.Split(strings.TrimSpace(want(t, exitOK, "0 not as expected", "zk", "judge", fixture("manifest.json"), "--json")), "\n")
	for _, l := range lines {
		var line struct{ Case, Negative, Expected, Got, Reason string }
		if err := json.Unmarshal([]byte(l), &line); err != nil || line.Expected != line.Got {
			t.Errorf("%s: %v", l, err)
		}
	}
	want(t, exitOK, "sp1-v6\troot\tinvalid\tinvalid\tzk-root", "zk", "judge", fixture("manifest.json"))
	want(t, exitUsage, "zk-case-unusable", "zk", "judge", lie)
	broken := filepath.Join(dir, "manifest.json")
	if err := os.WriteFile(broken, []byte(`{"format":"assay-zk-vectors/1","cases":[{"file":"lie.json","expect":"valid"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, exitRefuted, "lie\t-\tvalid\tinvalid", "zk", "judge", broken)
}

// square is a circuit to hold a ceremony for.
type square struct{ X frontend.Variable }

// Define implements the author's interface of package circuit.
func (c *square) Define(api frontend.API) ([]frontend.Variable, error) {
	return []frontend.Variable{api.Mul(c.X, c.X)}, nil
}

// TestCeremonyCommands holds a ceremony in files: two contributors, two beacons;
// then somebody lies.
func TestCeremonyCommands(t *testing.T) {
	dir := t.TempDir()
	compiled, err := circuit.Compile(&square{})
	if err != nil {
		t.Fatal(err)
	}
	system, transcript := filepath.Join(dir, "system"), filepath.Join(dir, "transcript")
	if err := os.WriteFile(system, compiled.System.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(exit int, contains string, args ...string) string {
		t.Helper()
		return want(t, exit, contains, append([]string{"zk", "ceremony"}, args...)...)
	}
	run(exitUsage, "required", "begin", transcript)
	run(exitOK, "", "begin", transcript, "--circuit", system)
	run(exitUsage, "there already", "begin", transcript, "--circuit", system)
	run(exitUsage, "ceremony-order", "seal", transcript, strings.Repeat("07", 32))
	for _, beacon := range []string{strings.Repeat("07", 32), strings.Repeat("08", 32)} {
		run(exitOK, "", "contribute", transcript, "--circuit", system)
		run(exitOK, "open", "verify", transcript, "--circuit", system)
		run(exitOK, "", "contribute", transcript, "--circuit", system)
		run(exitUsage, "ceremony-beacon", "seal", transcript, "0707")
		run(exitOK, "", "seal", transcript, beacon)
	}
	run(exitUsage, "ceremony-order", "contribute", transcript, "--circuit", system)
	pk, vk := filepath.Join(dir, "pk"), filepath.Join(dir, "vk")
	var v ceremonyView
	if err := json.Unmarshal([]byte(run(exitOK, "", "verify", transcript, "--circuit", system, "--proving", pk, "--key", vk, "--json")), &v); err != nil || v.Answer != "valid" {
		t.Fatalf("%v %+v", err, v)
	}
	want(t, exitOK, v.Key, "zk", "key", vk)
	b, err := os.ReadFile(transcript)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	lie := filepath.Join(dir, "lie")
	if err := os.WriteFile(lie, b, 0o600); err != nil {
		t.Fatal(err)
	}
	run(exitRefuted, "ceremony-", "verify", lie, "--circuit", system)
	run(exitUsage, "ceremony-circuit", "verify", transcript, "--circuit", vk)
	run(exitUsage, "ceremony-transcript", "verify", vk, "--circuit", system)
}

// TestNetworkCeremony makes the key of a circuit on a network of processes; its
// transcript, read from the state, verifies offline and makes the same key.
func TestNetworkCeremony(t *testing.T) {
	needProcesses(t)
	t.Parallel()
	n := startNetwork(t, 0)
	compiled, err := circuit.Compile(&square{})
	if err != nil {
		t.Fatal(err)
	}
	system, transcript := filepath.Join(n.home.dir, "system"), filepath.Join(n.home.dir, "transcript")
	if err := os.WriteFile(system, compiled.System.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	on := func(want int, args ...string) string {
		t.Helper()
		p := n.ok(t, want, append(append([]string{"zk", "ceremony"}, args...), "--network", n.url)...)
		return strings.TrimSpace(p.out.String())
	}
	id := on(exitOK, "open", system, "--window", "1s")
	on(exitUsage, "open", system, "--window", "1s")
	on(exitUsage, "give", "sha256:"+strings.Repeat("0", 64))
	for range 2 {
		on(exitOK, "give", id)
		on(exitOK, "give", id)
		for ended := 0; ended < 2; { // closed once its window has passed, then sealed
			p := n.start(t, "zk", "ceremony", "end", id, "--network", n.url)
			switch exit := p.exit(); {
			case exit == exitOK:
				ended++
			case !strings.Contains(p.err.String(), "ceremony-window"):
				t.Fatalf("end: exit %d\n%s", exit, p.err.String())
			}
		}
	}
	out := on(exitOK, "fetch", id, transcript)
	_, key, _ := strings.Cut(out, "key      ")
	want(t, exitOK, strings.TrimSpace(key), "zk", "ceremony", "verify", transcript, "--circuit", system)
	n.ok(t, exitOK, "zk", "key", "register", mustAbs(t, fixture("snarkjs.json")), "--network", n.url)
	n.ok(t, exitOK, "zk", "key", "register", mustAbs(t, fixture("snarkjs.json")), "--network", n.url, "--insecure")
}

func mustAbs(t *testing.T, file string) string {
	t.Helper()
	file, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	return file
}
