package assay

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// The runtimes. Results of different runtimes are never equal.
const (
	RuntimeWasm    = "wasm/1"    // a WASI preview-1 command module under docs/WASM.md
	RuntimeCircuit = "circuit/1" // an arithmetic circuit: its public values are the output
	RuntimeZKVM    = "zkvm/1"    // a guest of somebody's zkVM: its public values are the output
	RuntimeInt8    = "int8/1"    // a graph of exact integer tensor operators
)

// Runtimes lists the known runtimes.
func Runtimes() []string { return []string{RuntimeWasm, RuntimeCircuit, RuntimeZKVM, RuntimeInt8} }

// Job says what is to be computed, on what, under which limits, policy, price
// and deadline. It is immutable, and equal jobs give equal results, bit for bit.
type Job struct {
	_         struct{} `cbor:",toarray"`
	Version   uint8    // 1
	Runtime   string   // "wasm/1"
	Program   Digest   // of the program's bytes, as a file
	Args      []string // argv, the program's name first
	Env       []string // "KEY=value", sorted by key, no key twice
	Stdin     Digest   // of a file; zero: empty
	Input     Digest   // of the folder mounted read-only at /in; zero: empty
	Seed      uint64   // of the deterministic random source
	Index     uint32   // in an array job
	Start     Time     // first reading of the guest's clock
	Limits    Limits
	Policy    string // canonical text
	MaxPrice  Amount // per paid replica
	Deadline  Time   // stops new draws
	Requester Key
	Nonce     uint64 // tells two otherwise equal jobs of one requester apart
	// Proven is the file digest of what a zk check is to see proved in the place
	// of Program, which the requester thereby declares to be equivalent; zero: none.
	Proven Digest
}

// Limits bound what one execution may use. All are part of the job, so every
// engine stops at the same instruction.
type Limits struct {
	_      struct{} `cbor:",toarray"`
	Fuel   uint64   // docs/WASM.md; about one per wasm operator
	Memory uint64   // bytes of linear memory, a multiple of 64 KiB
	Frames uint32   // call depth
	Slots  uint32   // locals and operands over all frames
	Output uint64   // bytes of stdout, stderr and /out together
	Files  uint32   // files and folders under /out
}

// Ranges of a job's fields, enforced by Validate.
const (
	MaxArgs       = 1024
	MaxArgBytes   = 64 << 10 // of all arguments, and of all environment entries
	MaxPolicyText = 4096
	MaxFuel       = 1 << 50
	MaxMemory     = 65_535 * WasmPage // docs/WASM.md: a full 4 GiB reads as 0 in 32 bits
	MaxFrames     = 1 << 18
	MaxSlots      = 5 << 20
	MaxOutput     = 1 << 32
	MaxFiles      = 1024
	WasmPage      = 64 << 10
)

// DefaultLimits are those of `assay run` without flags.
func DefaultLimits() Limits {
	return Limits{Fuel: 10_000_000_000, Memory: 256 << 20, Frames: MaxFrames, Slots: MaxSlots, Output: 64 << 20, Files: 256}
}

// Codes of a job that is refused.
const (
	CodeJobVersion Code = "job-version"
	CodeRuntime    Code = "unknown-runtime"
	CodeJobField   Code = "job-field"
	CodeJobLimits  Code = "job-limits"
	CodeJobEnv     Code = "job-env"
)

// ID returns the job's identity.
func (j *Job) ID() JobID { return canon.HashValue("assay/job/1", j) }

// Work returns the identity of the computation alone. A later job of equal work
// is a repeat: its result may have been read off the ledger, whoever pays, under
// which limits and from which time on.
func (j *Job) Work() Digest {
	return canon.HashValue("assay/work/1", &Job{
		Version: j.Version, Runtime: j.Runtime, Program: j.Program, Args: j.Args, Env: j.Env,
		Stdin: j.Stdin, Input: j.Input, Seed: j.Seed, Index: j.Index,
	})
}

// Artifacts lists what an executor has to fetch: program, stdin and input, as
// far as the job has them. Names and sizes are left open.
func (j *Job) Artifacts() []merkle.Entry {
	var list []merkle.Entry
	for _, e := range []merkle.Entry{
		{Digest: j.Program, Kind: merkle.File}, {Digest: j.Proven, Kind: merkle.File}, {Digest: j.Stdin, Kind: merkle.File}, {Digest: j.Input, Kind: merkle.Folder},
	} {
		if !e.Digest.IsZero() {
			list = append(list, e)
		}
	}
	return list
}

// Statement returns the file digest of what a proof has to be about: the program
// itself, or what the requester has declared equivalent to it. Zero: nothing can
// be proved about the job.
func (j *Job) Statement() Digest {
	if j.Runtime == RuntimeWasm {
		return j.Proven
	}
	return j.Program
}

// InputsDigest names all that an executor has to fetch, for the attestation
// that it can be fetched.
func (j *Job) InputsDigest() Digest {
	return canon.Hash("assay/inputs/1", j.Program[:], j.Proven[:], j.Stdin[:], j.Input[:])
}

// Validate refuses a job with a field out of range. The policy's meaning and
// the deadline's distance are judged by the ledger.
func (j *Job) Validate() error {
	switch {
	case j.Version != 1:
		return Refuse(CodeJobVersion, "job version %d, this is 1", j.Version)
	case !slices.Contains(Runtimes(), j.Runtime):
		return Refuse(CodeRuntime, "runtime %.40q; known: %s", j.Runtime, strings.Join(Runtimes(), ", "))
	case j.Program.IsZero():
		return Refuse(CodeJobField, "no program")
	case j.Requester.IsZero():
		return Refuse(CodeJobField, "no requester")
	case j.Policy == "" || len(j.Policy) > MaxPolicyText:
		return Refuse(CodeJobField, "policy of %d bytes", len(j.Policy))
	case j.Proven == j.Program || j.Runtime != RuntimeWasm && !j.Proven.IsZero():
		return Refuse(CodeJobField, "the program of a %s job needs no other one in its place", j.Runtime)
	case j.Start < 0 || j.Deadline <= 0:
		return Refuse(CodeJobField, "start %d, deadline %d", j.Start, j.Deadline)
	}
	if err := checkStrings("args", j.Args); err != nil {
		return err
	}
	if err := checkEnv(j.Env); err != nil {
		return err
	}
	return j.Limits.Validate()
}

// Validate refuses limits out of range.
func (l *Limits) Validate() error {
	for _, r := range []struct {
		name      string
		v, lo, hi uint64
	}{
		{"fuel", l.Fuel, 1, MaxFuel},
		{"memory", l.Memory, WasmPage, MaxMemory},
		{"frames", uint64(l.Frames), 1, MaxFrames},
		{"slots", uint64(l.Slots), 1, MaxSlots},
		{"output", l.Output, 0, MaxOutput},
		{"files", uint64(l.Files), 0, MaxFiles},
	} {
		if r.v < r.lo || r.v > r.hi {
			return Refuse(CodeJobLimits, "%s is %d; the range is %d to %d", r.name, r.v, r.lo, r.hi)
		}
	}
	if l.Memory%WasmPage != 0 {
		return Refuse(CodeJobLimits, "memory is %d; it must be a multiple of %d", l.Memory, WasmPage)
	}
	return nil
}

func checkStrings(what string, list []string) error {
	total := 0
	for _, s := range list {
		total += len(s) + 1
		if strings.ContainsRune(s, 0) || !utf8.ValidString(s) {
			return Refuse(CodeJobField, "%s contain a zero byte or are not UTF-8", what)
		}
	}
	if len(list) > MaxArgs || total > MaxArgBytes {
		return Refuse(CodeJobField, "%s: %d of %d bytes; at most %d of %d", what, len(list), total, MaxArgs, MaxArgBytes)
	}
	return nil
}

func checkEnv(env []string) error {
	last := ""
	for i, e := range env {
		key, _, ok := strings.Cut(e, "=")
		if !ok || key == "" {
			return Refuse(CodeJobEnv, "%.40q is not KEY=value", e)
		}
		if i > 0 && key <= last {
			return Refuse(CodeJobEnv, "key %.40q is out of order or twice", key)
		}
		last = key
	}
	return checkStrings("env", env)
}
