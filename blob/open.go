package blob

import (
	"context"
	"fmt"

	"github.com/capacloud/assay/merkle"
)

// Open answers an availability challenge: it shows the leaf of root, a folder
// or a file, that number names. The answer passes merkle.VerifyOpening.
func (s *Store) Open(ctx context.Context, root merkle.Digest, number uint64) (merkle.Opening, error) {
	o := merkle.Opening{}
	r, err := s.record(ctx, root)
	if err != nil {
		return merkle.Opening{}, fmt.Errorf("open %s: %w", root.Short(), err)
	}
	offset, digest := number, root
	if r.Size > 0 {
		offset %= r.Size
	}
	for r.Kind == merkle.Folder {
		if len(o.Folders) == MaxDepth {
			return merkle.Opening{}, fmt.Errorf("open %s: more than %d folders deep: %w", root.Short(), MaxDepth, ErrTooLarge)
		}
		step, before := merkle.ProveEntry(r.Entries, offset)
		o.Folders = append(o.Folders, step)
		if step.Total == 0 {
			return o, nil
		}
		offset, digest = offset-before, step.Entry.Digest
		if r, err = s.record(ctx, digest); err != nil {
			return merkle.Opening{}, fmt.Errorf("open %s: %w", root.Short(), err)
		}
		// PutFolder saw to it; the disk may have changed its mind.
		if r.Kind != step.Entry.Kind || r.Size != step.Entry.Size {
			return merkle.Opening{}, fmt.Errorf("open %s: entry %.80q: %w", root.Short(), step.Entry.Name, ErrCorrupt)
		}
	}
	o.FileSize = r.Size
	o.Leaf, o.Path, err = s.openLeaf(ctx, digest, r, offset)
	return o, err
}

// openLeaf returns the leaf of a file that holds offset, and its path.
func (s *Store) openLeaf(ctx context.Context, d merkle.Digest, r *record, offset uint64) ([]byte, []merkle.Digest, error) {
	if r.Size == 0 {
		return nil, nil, nil
	}
	f := s.fileOf(ctx, d, r)
	defer f.Close()
	chunk := offset / merkle.ChunkSize
	b, err := f.chunk(int(chunk))
	if err != nil {
		return nil, nil, fmt.Errorf("open: %w", err)
	}
	at := offset % merkle.ChunkSize / merkle.LeafSize
	leaf := b[at*merkle.LeafSize : min((at+1)*merkle.LeafSize, uint64(len(b)))]
	// A chunk is a whole subtree: its own path, then that of its root.
	path := append(merkle.Prove(chunkLeaves(b), at), merkle.Prove(r.Chunks, chunk)...)
	return append([]byte(nil), leaf...), path, nil
}
