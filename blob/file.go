package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
	"gocloud.dev/gcerrors"
)

// Tree is the sidecar of a blob: what a receiver needs to verify each chunk of
// a file as it arrives. For a folder it states the kind and size only.
type Tree struct {
	_      struct{} `cbor:",toarray"`
	Kind   merkle.Kind
	Size   uint64
	Chunks []merkle.Digest
}

// Verify checks the chunk roots of a file against its digest.
func (t Tree) Verify(d merkle.Digest) error {
	if t.Kind != merkle.File {
		return fmt.Errorf("tree of kind %d: %w", t.Kind, ErrKind)
	}
	if uint64(len(t.Chunks)) != chunkCount(t.Size) {
		return fmt.Errorf("tree of %d bytes in %d chunks: %w", t.Size, len(t.Chunks), ErrCorrupt)
	}
	if merkle.FileDigest(t.Size, merkle.ChunksRoot(t.Chunks)) != d {
		return fmt.Errorf("tree: %w", ErrCorrupt)
	}
	return nil
}

// Encode returns the canonical bytes of t.
func (t Tree) Encode() []byte { return canon.Marshal(t) }

// chunkLen returns the number of bytes of chunk i.
func (t Tree) chunkLen(i int) int {
	return int(min(merkle.ChunkSize, t.Size-uint64(i)*merkle.ChunkSize))
}

func chunkCount(size uint64) uint64 {
	n := size / merkle.ChunkSize
	if size%merkle.ChunkSize != 0 {
		n++
	}
	return n
}

// chunkRoot returns the root over the leaves of one chunk.
func chunkRoot(b []byte) merkle.Digest {
	return merkle.Root(chunkLeaves(b))
}

func chunkLeaves(b []byte) []merkle.Digest {
	leaves := make([]merkle.Digest, 0, merkle.LeafCount(uint64(len(b))))
	for off := 0; off < len(b); off += merkle.LeafSize {
		leaves = append(leaves, merkle.HashLeaf(b[off:min(off+merkle.LeafSize, len(b))]))
	}
	return leaves
}

// loader brings the bytes of chunk i, unverified. It may use the memory of buf,
// which is empty and has room for the chunk.
type loader func(ctx context.Context, i int, buf []byte) ([]byte, error)

// File reads one stored or remote file. It verifies each chunk against roots
// that were verified against the digest, and hands on nothing else. It holds
// one chunk in memory and is not for use by several goroutines at once.
type File struct {
	ctx    context.Context // of the whole reading, as for an open connection
	digest merkle.Digest
	tree   Tree
	load   loader
	close  func() error

	pos uint64
	cur int // the chunk in buf; -1: none
	buf []byte
}

func newFile(ctx context.Context, d merkle.Digest, t Tree, load loader, closer func() error) *File {
	return &File{ctx: ctx, digest: d, tree: t, load: load, close: closer, cur: -1}
}

// Digest returns the file's digest.
func (f *File) Digest() merkle.Digest { return f.digest }

// Size returns the number of bytes of the file.
func (f *File) Size() uint64 { return f.tree.Size }

// Read implements io.Reader.
func (f *File) Read(p []byte) (int, error) {
	if f.pos >= f.tree.Size {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	b, err := f.chunk(int(f.pos / merkle.ChunkSize))
	if err != nil {
		return 0, err
	}
	n := copy(p, b[f.pos%merkle.ChunkSize:])
	f.pos += uint64(n)
	return n, nil
}

// WriteTo implements io.WriterTo, chunk by chunk.
func (f *File) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for f.pos < f.tree.Size {
		b, err := f.chunk(int(f.pos / merkle.ChunkSize))
		if err != nil {
			return total, err
		}
		n, err := w.Write(b[f.pos%merkle.ChunkSize:])
		f.pos += uint64(n)
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

var errSeek = errors.New("seek before the start of the file")

// Seek implements io.Seeker.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += int64(f.pos)
	case io.SeekEnd:
		offset += int64(f.tree.Size)
	}
	if offset < 0 {
		return 0, errSeek
	}
	f.pos = uint64(offset)
	return offset, nil
}

// Close releases what the file holds.
func (f *File) Close() error {
	f.buf, f.cur = nil, -1
	if f.close == nil {
		return nil
	}
	return f.close()
}

// chunk returns chunk i, verified. The bytes are valid until the next call.
func (f *File) chunk(i int) ([]byte, error) {
	if f.cur == i {
		return f.buf, nil
	}
	want := f.tree.chunkLen(i)
	if cap(f.buf) < want {
		f.buf = make([]byte, 0, want)
	}
	f.cur = -1
	b, err := f.load(f.ctx, i, f.buf[:0])
	if err != nil {
		return nil, fmt.Errorf("file %s, chunk %d: %w", f.digest.Short(), i, err)
	}
	f.buf = b
	if len(b) != want || chunkRoot(b) != f.tree.Chunks[i] {
		return nil, fmt.Errorf("file %s, chunk %d: %w", f.digest.Short(), i, ErrCorrupt)
	}
	f.cur = i
	return b, nil
}

// OpenFile returns a reader over a stored file.
func (s *Store) OpenFile(ctx context.Context, d merkle.Digest) (*File, error) {
	r, err := s.record(ctx, d)
	if err != nil {
		return nil, err
	}
	if r.Kind != merkle.File {
		return nil, fmt.Errorf("%s is a folder: %w", d.Short(), ErrKind)
	}
	return s.fileOf(ctx, d, r), nil
}

func (s *Store) fileOf(ctx context.Context, d merkle.Digest, r *record) *File {
	t := r.tree()
	load := func(ctx context.Context, i int, buf []byte) ([]byte, error) {
		return s.loadChunk(ctx, t.Chunks[i], buf)
	}
	return newFile(ctx, d, t, load, nil)
}

// loadChunk reads a stored chunk into buf, which is empty, unverified. It reads no more than a
// chunk can hold, whatever lies in the bucket.
func (s *Store) loadChunk(ctx context.Context, root merkle.Digest, buf []byte) ([]byte, error) {
	r, err := s.bucket.NewRangeReader(ctx, chunkKey(root), 0, merkle.ChunkSize, nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, fmt.Errorf("a chunk is missing: %w", ErrCorrupt)
	} else if err != nil {
		return nil, storageError("read", err)
	}
	defer r.Close()
	n := int(min(r.Size(), merkle.ChunkSize))
	buf = slices.Grow(buf, n)[:n]
	if _, err := io.ReadFull(r, buf); err != nil {
		return nil, storageError("read", err)
	}
	return buf, nil
}

// ReadFile returns a stored file whole.
func (s *Store) ReadFile(ctx context.Context, d merkle.Digest) ([]byte, error) {
	f, err := s.OpenFile(ctx, d)
	if err != nil {
		return nil, err
	}
	return f.readAll(s.cfg.ReadBytesMax)
}

// readAll reads f into memory and closes it.
func (f *File) readAll(limit uint64) (_ []byte, err error) {
	defer func() { err = errors.Join(err, f.Close()) }()
	if f.Size() > limit {
		return nil, fmt.Errorf("file %s: %d bytes exceed %d: %w", f.digest.Short(), f.Size(), limit, ErrTooLarge)
	}
	// Size is bound by the digest, but a liar may name a digest of petabytes:
	// memory grows with the bytes that arrive.
	var b bytes.Buffer
	b.Grow(int(min(f.Size(), 4*merkle.ChunkSize)))
	if _, err := f.WriteTo(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// ReadFolder returns the entries of a stored folder.
func (s *Store) ReadFolder(ctx context.Context, d merkle.Digest) ([]merkle.Entry, error) {
	r, err := s.record(ctx, d)
	if err != nil {
		return nil, err
	}
	if r.Kind != merkle.Folder {
		return nil, fmt.Errorf("%s is a file: %w", d.Short(), ErrKind)
	}
	return r.Entries, nil
}

// Check reads all of d and verifies every byte, folders recursively.
func (s *Store) Check(ctx context.Context, d merkle.Digest) error {
	return s.check(ctx, d, map[merkle.Digest]bool{})
}

func (s *Store) check(ctx context.Context, d merkle.Digest, done map[merkle.Digest]bool) error {
	if done[d] {
		return nil
	}
	r, err := s.record(ctx, d)
	if err != nil {
		return err
	}
	if r.Kind == merkle.File {
		_, err := s.fileOf(ctx, d, r).WriteTo(io.Discard)
		if err != nil {
			return err
		}
	}
	for _, e := range r.Entries {
		if err := s.check(ctx, e.Digest, done); err != nil {
			return fmt.Errorf("%.80q in %s: %w", e.Name, d.Short(), err)
		}
	}
	done[d] = true
	return nil
}
