package board

import (
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/merkle"
)

// The rules read a program from messages only, in chunks that are aligned
// subtrees of its file: each is proved by one path, and whoever posts garbage is
// refused before a byte is kept.

// leavesPerChunk is the number of leaves in a chunk.
const leavesPerChunk = assay.ProgramChunk / merkle.LeafSize

// Chunks returns the number of chunks of a program of so many bytes. An empty
// one has one, which is empty: it has to be posted like any other.
func Chunks(size uint64) uint64 {
	return max(1, (size+assay.ProgramChunk-1)/assay.ProgramChunk)
}

// CutProgram cuts a program into the messages that post it for a job.
func CutProgram(job assay.JobID, program []byte) []*assay.PostProgram {
	var tree merkle.FileTree
	tree.Write(program)
	var roots []assay.Digest
	for leaves := range slices.Chunk(tree.Leaves(), leavesPerChunk) {
		roots = append(roots, merkle.Root(leaves))
	}
	if len(program) == 0 {
		return []*assay.PostProgram{{Job: job}}
	}
	var list []*assay.PostProgram
	for b := range slices.Chunk(program, assay.ProgramChunk) {
		n := uint32(len(list))
		list = append(list, &assay.PostProgram{
			Job: job, Size: uint64(len(program)), Chunk: n, Bytes: b, Path: merkle.Prove(roots, uint64(n)),
		})
	}
	return list
}

// CheckChunk refuses a chunk that is not the program's.
func CheckChunk(program assay.Digest, m *assay.PostProgram) error {
	chunks := Chunks(m.Size)
	switch {
	case m.Size > MaxProgram:
		return assay.Refuse(CodeProgramSize, "%d bytes; at most %d", m.Size, MaxProgram)
	case uint64(m.Chunk) >= chunks:
		return assay.Refuse(CodeChunk, "number %d of %d", m.Chunk, chunks)
	}
	want := min(assay.ProgramChunk, m.Size-uint64(m.Chunk)*assay.ProgramChunk)
	if uint64(len(m.Bytes)) != want {
		return assay.Refuse(CodeChunk, "%d bytes, not %d", len(m.Bytes), want)
	}
	var tree merkle.FileTree
	tree.Write(m.Bytes)
	root, err := merkle.PathRoot(chunks, uint64(m.Chunk), merkle.Root(tree.Leaves()), m.Path)
	if err != nil || merkle.FileDigest(m.Size, root) != program {
		return assay.Refuse(CodeChunk, "the path does not lead to the program")
	}
	return nil
}
