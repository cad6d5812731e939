package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// PutFile stores what r yields and returns its digest and size. Nothing
// remains of a file that fails half-way or exceeds FileBytesMax.
func (s *Store) PutFile(ctx context.Context, r io.Reader) (merkle.Digest, uint64, error) {
	return s.putFile(ctx, r, nil, s.cfg.FileBytesMax)
}

// PutBytes is PutFile for bytes at hand.
func (s *Store) PutBytes(ctx context.Context, b []byte) (merkle.Digest, error) {
	d, _, err := s.PutFile(ctx, bytes.NewReader(b))
	return d, err
}

// putFile stores r if it hashes to want, or anything where want is nil.
func (s *Store) putFile(ctx context.Context, r io.Reader, want *merkle.Digest, limit uint64) (_ merkle.Digest, _ uint64, err error) {
	p := s.newPut()
	defer func() { err = errors.Join(err, p.end(ctx)) }()
	var buf bytes.Buffer // grows with the file: most are far smaller than a chunk
	t := Tree{Kind: merkle.File}
	for {
		if err := ctx.Err(); err != nil {
			return merkle.Digest{}, 0, err
		}
		buf.Reset()
		n, err := io.Copy(&buf, io.LimitReader(r, merkle.ChunkSize))
		if err != nil {
			return merkle.Digest{}, 0, err
		}
		if n == 0 {
			break
		}
		if t.Size += uint64(n); t.Size > limit {
			return merkle.Digest{}, 0, fmt.Errorf("file of more than %d bytes: %w", limit, ErrTooLarge)
		}
		root := chunkRoot(buf.Bytes())
		if err := p.chunk(ctx, root, buf.Bytes()); err != nil {
			return merkle.Digest{}, 0, err
		}
		t.Chunks = append(t.Chunks, root)
		if n < merkle.ChunkSize {
			break
		}
	}
	d := merkle.FileDigest(t.Size, merkle.ChunksRoot(t.Chunks))
	if want != nil && d != *want {
		return merkle.Digest{}, 0, fmt.Errorf("bytes hash to %s where %s was announced: %w", d.Short(), want.Short(), ErrCorrupt)
	}
	return d, t.Size, p.commit(ctx, d, t)
}

// PutFolder stores a folder, after everything below it: entries must be
// sorted (merkle.SortEntries), and each names a stored file or folder with its
// true kind and size, else ErrIncomplete.
func (s *Store) PutFolder(ctx context.Context, entries []merkle.Entry) (merkle.Digest, error) {
	if err := merkle.CheckEntries(entries); err != nil {
		return merkle.Digest{}, fmt.Errorf("%w: %w", ErrName, err)
	}
	r := record{Version: recordVersion, Kind: merkle.Folder, Size: merkle.FolderSize(entries), Entries: entries, Names: uint64(len(entries)), Depth: 1}
	if r.Size > s.cfg.TreeBytesMax {
		return merkle.Digest{}, fmt.Errorf("folder of %d bytes exceeds %d: %w", r.Size, s.cfg.TreeBytesMax, ErrTooLarge)
	}
	s.gate.RLock()
	defer s.gate.RUnlock()
	// A listing may name one large child many times: it is read once.
	children := map[merkle.Digest]*record{}
	for _, e := range entries {
		child, ok := children[e.Digest]
		if !ok {
			var err error
			if child, err = s.child(ctx, e.Digest); err != nil {
				return merkle.Digest{}, fmt.Errorf("entry %.80q: %w", e.Name, err)
			}
			children[e.Digest] = child
		}
		if err := s.addChild(&r, e, child); err != nil {
			return merkle.Digest{}, fmt.Errorf("entry %.80q: %w", e.Name, err)
		}
	}
	d := merkle.FolderDigest(entries)
	return d, s.writeRecord(ctx, d, r)
}

// child reads what PutFolder needs to know of one child.
func (s *Store) child(ctx context.Context, d merkle.Digest) (*record, error) {
	r, err := s.record(ctx, d)
	if errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("%s is not stored: %w", d.Short(), ErrIncomplete)
	} else if err != nil {
		return nil, err
	}
	return &record{Kind: r.Kind, Size: r.Size, Names: r.Names, Depth: r.Depth}, nil
}

// addChild checks one entry of a folder against the child that it names and
// counts what is below it.
func (s *Store) addChild(r *record, e merkle.Entry, child *record) error {
	if child.Kind != e.Kind || child.Size != e.Size {
		return fmt.Errorf("is of kind %d and size %d: %w", child.Kind, child.Size, ErrIncomplete)
	}
	r.Names = addSaturating(r.Names, child.Names)
	r.Depth = max(r.Depth, child.Depth+1)
	if r.Names > s.cfg.TreeEntriesMax {
		return fmt.Errorf("more than %d names below: %w", s.cfg.TreeEntriesMax, ErrTooLarge)
	}
	if r.Depth > uint32(s.cfg.DepthMax) {
		return fmt.Errorf("more than %d folders deep: %w", s.cfg.DepthMax, ErrTooLarge)
	}
	return nil
}

func addSaturating(a, b uint64) uint64 {
	if a+b < a {
		return ^uint64(0)
	}
	return a + b
}

// writeRecord makes d known. It is the last step of every put; the gate must
// be held for reading.
func (s *Store) writeRecord(ctx context.Context, d merkle.Digest, r record) error {
	r.Stored = s.cfg.Now().Unix()
	b := canon.Marshal(r)
	if len(b) > canon.MaxBytes {
		return fmt.Errorf("listing of %d bytes exceeds %d: %w", len(b), canon.MaxBytes, ErrTooLarge)
	}
	return s.write(ctx, recordKey(d), b)
}

// pin holds a chunk that some put has written and no record names yet. While
// one exists Collect leaves the chunk alone.
type pin struct {
	puts  int  // how many hold it
	fresh bool // one of them created it
	kept  bool // one of them committed: it belongs to a record now
}

// put tracks the chunks of one file on the way in.
type put struct {
	s      *Store
	pinned []merkle.Digest
	keep   bool // also on failure: the rest may be fetched later
}

func (s *Store) newPut() *put { return &put{s: s} }

// chunk stores one chunk. A chunk that is already there is written again: that
// costs less than to find out whether the disk still has it right.
func (p *put) chunk(ctx context.Context, root merkle.Digest, b []byte) error {
	s := p.s
	s.gate.RLock()
	defer s.gate.RUnlock()
	p.pin(root)
	present, err := s.bucket.Exists(ctx, chunkKey(root))
	if err != nil {
		return storageError("look for a chunk", err)
	}
	if !present {
		s.mu.Lock()
		s.pins[root].fresh = true
		s.mu.Unlock()
	}
	return s.write(ctx, chunkKey(root), b)
}

func (p *put) pin(root merkle.Digest) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	h := p.s.pins[root]
	if h == nil {
		h = &pin{}
		p.s.pins[root] = h
	}
	h.puts++
	p.pinned = append(p.pinned, root)
}

// commit names the chunks in a record. All of t's chunks must be pinned.
func (p *put) commit(ctx context.Context, d merkle.Digest, t Tree) error {
	p.s.gate.RLock()
	defer p.s.gate.RUnlock()
	if err := p.s.writeRecord(ctx, d, record{Version: recordVersion, Kind: merkle.File, Size: t.Size, Chunks: t.Chunks}); err != nil {
		return err
	}
	p.keep = true
	return nil
}

// end lets go of the chunks and removes those that this put brought and nobody
// else wants.
func (p *put) end(ctx context.Context) error {
	s := p.s
	ctx = context.WithoutCancel(ctx) // tidying up after a cancellation
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, root := range p.pinned {
		h := s.pins[root]
		h.puts--
		h.kept = h.kept || p.keep
		if h.puts > 0 {
			continue
		}
		delete(s.pins, root)
		if h.fresh && !h.kept {
			errs = append(errs, s.bucket.Delete(ctx, chunkKey(root)))
		}
	}
	return errors.Join(errs...)
}
