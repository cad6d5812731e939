//go:build unix

package interp

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
	"github.com/capacloud/assay/merkle"
)

// BenchmarkCannon runs one Go program on Optimism's cannon, a MIPS machine for
// fault proofs, and on this machine, one after the other, and reports how much
// less time this one takes: by the clock, and of the processor, which says more
// where others work. Lowering is included here, loading an ELF file there. It
// needs ASSAY_CANNON, the path of a cannon binary:
//
//	go build -o cannon github.com/ethereum-optimism/optimism/cannon
func BenchmarkCannon(b *testing.B) {
	cannon := os.Getenv("ASSAY_CANNON")
	if cannon == "" {
		b.Skip("ASSAY_CANNON names no cannon binary")
	}
	dir := b.TempDir()
	elf, program := filepath.Join(dir, "guest.elf"), filepath.Join(dir, "guest.wasm")
	buildGuest(b, elf, "GOOS=linux", "GOARCH=mips64", "GOMIPS64=softfloat")
	buildGuest(b, program, "GOOS=wasip1", "GOARCH=wasm")
	module, err := os.ReadFile(program)
	if err != nil {
		b.Fatal(err)
	}
	job := &assay.Job{Limits: assay.DefaultLimits()}
	var theirs, ours, theirProcessor, ourProcessor time.Duration
	var m *Machine
	for b.Loop() {
		start := time.Now()
		state := filepath.Join(dir, "state.bin.gz")
		_, load := command(b, cannon, "load-elf", "--type", "multithreaded64-5", "--path", elf, "--out", state, "--meta", filepath.Join(dir, "meta.json"))
		said, run := command(b, cannon, "run", "--input", state, "--meta", filepath.Join(dir, "meta.json"), "--output", filepath.Join(dir, "end.bin.gz"), "--proof-at", "never", "--stop-at", "never")
		theirs += time.Since(start)
		theirProcessor += load + run
		if !bytes.Contains(said, []byte("82025")) {
			b.Fatalf("cannon said %s", said)
		}
		start = time.Now()
		begin := cpuTime(b)
		m = New(wasm.Lower(module), job, wasi.NewReaderInput(noInput{}))
		if err := m.Run(math.MaxUint64); err != nil {
			b.Fatal(err)
		}
		ours += time.Since(start)
		ourProcessor += cpuTime(b) - begin
		if r, ok := m.Result(); !ok || r.Status != assay.Exited || r.ExitCode != 0 {
			b.Fatalf("this machine ended with %+v", r)
		}
	}
	var end struct{ Step uint64 }
	said, _ := command(b, cannon, "witness", "--input", filepath.Join(dir, "end.bin.gz"))
	if err := json.Unmarshal(said, &end); err != nil {
		b.Fatal(err)
	}
	r, _ := m.Result()
	n := float64(b.N)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "times-faster")
	b.ReportMetric(theirProcessor.Seconds()/ourProcessor.Seconds(), "times-processor")
	b.ReportMetric(theirs.Seconds()/n, "cannon-s")
	b.ReportMetric(ours.Seconds()/n, "machine-s")
	b.ReportMetric(n*float64(end.Step)/theirs.Seconds()/1e6, "cannon-Msteps/s")
	b.ReportMetric(n*float64(m.Steps())/ours.Seconds()/1e6, "machine-Msteps/s")
	b.ReportMetric(n*float64(r.Fuel)/ours.Seconds()/1e6, "machine-Minstr/s")
}

// noInput is a job without input.
type noInput struct{}

func (noInput) ReadFile(canon.Digest) ([]byte, error)           { return nil, os.ErrNotExist }
func (noInput) ReadFolder(canon.Digest) ([]merkle.Entry, error) { return nil, os.ErrNotExist }

func buildGuest(b *testing.B, out string, env ...string) {
	b.Helper()
	cmd := exec.Command("go", "build", "-trimpath", "-o", out, ".")
	cmd.Dir, cmd.Env = filepath.Join("testdata", "cannon"), append(os.Environ(), env...)
	if said, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("build for %v: %v\n%s", env, err, said)
	}
}

// command returns what a program said, and the processor time that it took.
func command(b *testing.B, name string, args ...string) ([]byte, time.Duration) {
	b.Helper()
	cmd := exec.Command(name, args...)
	said, err := cmd.CombinedOutput()
	if err != nil {
		b.Fatalf("%s: %v\n%s", args[0], err, said)
	}
	return said, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}
