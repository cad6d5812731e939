package board

import (
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/dispute"
	"github.com/capacloud/assay/machine/step"
	"github.com/capacloud/assay/machine/wasm"
	"github.com/capacloud/assay/merkle"
)

// TestWasmReferee holds the adapter to its machine: a program that is no module
// has a machine that is halted at once and says so, and records of another
// program, or of a machine that runs, are refused.
func TestWasmReferee(t *testing.T) {
	job := testJob("quorum(2)", 1)
	broken := []byte("no module")
	l := wasmReferee{}.Lower(broken)
	for !l.Step(1) {
	}
	image := l.Image()
	start, m, err := wasmReferee{}.Machine(image, &job)
	if err != nil {
		t.Fatal(err)
	}
	im, err := wasm.DecodeImage(image)
	if err != nil {
		t.Fatal(err)
	}
	record := step.Start(im, &job)
	root, result, err := m.Last(record.Bytes())
	want, _ := record.Result(im, &job.Limits)
	if err != nil || root != start || result != want.Digest() || want.Status != assay.InvalidModule {
		t.Errorf("root %s, result %s of %+v, %v", root.Short(), result.Short(), want, err)
	}
	empty := []byte("\x00asm\x01\x00\x00\x00") // no module of a command either: another reason, another image
	l = wasmReferee{}.Lower(empty)
	for !l.Step(1) {
	}
	if _, other, err := (wasmReferee{}).Machine(l.Image(), &job); err != nil {
		t.Error(err)
	} else if _, _, err := other.Last(record.Bytes()); assay.CodeOf(err) != dispute.CodeEnd {
		t.Errorf("a record of another program: %v", err)
	}
	record.Phase = step.Running
	for name, b := range map[string][]byte{"none": nil, "cut": record.Bytes()[1:], "running": record.Bytes()} {
		if _, _, err := m.Last(b); assay.CodeOf(err) != dispute.CodeEnd {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := m.Run(start, 1, []byte{1}); err == nil {
		t.Error("a witness that is none was taken")
	}
	if _, _, err := (wasmReferee{}).Machine([]byte{1}, &job); assay.CodeOf(err) != CodeImage {
		t.Errorf("an image that is none: %v", err)
	}
}

// TestChunks cuts programs of all sizes around the edges, and spoils what it
// gets: only the program's own chunks pass.
func TestChunks(t *testing.T) {
	for _, size := range []int{0, 1, 1023, 1024, 1025, assay.ProgramChunk - 1, assay.ProgramChunk, assay.ProgramChunk + 1, 3*assay.ProgramChunk + 5000} {
		program := make([]byte, size)
		for i := range program {
			program[i] = byte(i*2654435761>>13 ^ i>>18)
		}
		digest := merkle.FileOf(program)
		list := CutProgram(assay.JobID{1}, program)
		if uint64(len(list)) != Chunks(uint64(size)) {
			t.Fatalf("%d bytes: %d chunks", size, len(list))
		}
		for n, m := range list {
			if err := CheckChunk(digest, m); err != nil {
				t.Fatalf("%d bytes, chunk %d: %v", size, n, err)
			}
			for name, spoil := range map[string]func(m *assay.PostProgram){
				"number": func(m *assay.PostProgram) { m.Chunk++ },
				"size":   func(m *assay.PostProgram) { m.Size++ },
				"huge":   func(m *assay.PostProgram) { m.Size = 1 << 60 },
				"path":   func(m *assay.PostProgram) { m.Path = append(m.Path, assay.Digest{}) },
				"bytes":  func(m *assay.PostProgram) { m.Bytes = append([]byte{1}, m.Bytes...) },
			} {
				bad := *m
				spoil(&bad)
				if code := assay.CodeOf(CheckChunk(digest, &bad)); code != CodeChunk && code != CodeProgramSize {
					t.Errorf("%d bytes, chunk %d with another %s: %s", size, n, name, code)
				}
			}
		}
	}
}
