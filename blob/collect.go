package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/capacloud/assay/merkle"
	gocloud "gocloud.dev/blob"
)

// Collected counts what Collect removed.
type Collected struct {
	Blobs  int // files and folders
	Chunks int
	Bytes  int64 // of chunks
}

// Collect removes every file and folder that is older than olderThan, is not
// kept, and cannot be reached from one that is; then every chunk that no file
// needs any more. Keep may be nil. Writers wait while it runs, readers do not:
// a reader may find its file gone.
func (s *Store) Collect(ctx context.Context, keep func(merkle.Digest) bool, olderThan time.Duration) (Collected, error) {
	s.gate.Lock()
	defer s.gate.Unlock()
	c := collector{s: s, live: map[merkle.Digest]bool{}, chunks: map[merkle.Digest]bool{}}
	digests, err := s.list(ctx, recordPrefix)
	if err != nil {
		return Collected{}, err
	}
	youngest := s.cfg.Now().Add(-olderThan).Unix()
	for _, o := range digests {
		r, err := s.record(ctx, o.digest)
		if errors.Is(err, ErrCorrupt) {
			continue // not live: nobody can read it
		} else if err != nil {
			return Collected{}, err
		}
		if r.Stored > youngest || (keep != nil && keep(o.digest)) {
			if err := c.mark(ctx, o.digest, r); err != nil {
				return Collected{}, err
			}
		}
	}
	return c.sweep(ctx, digests)
}

type collector struct {
	s      *Store
	live   map[merkle.Digest]bool
	chunks map[merkle.Digest]bool
	got    Collected
}

// mark records that d and everything below it stays. It recurses no deeper
// than PutFolder allowed.
func (c *collector) mark(ctx context.Context, d merkle.Digest, r *record) error {
	if c.live[d] {
		return nil
	}
	c.live[d] = true
	for _, chunk := range r.Chunks {
		c.chunks[chunk] = true
	}
	for _, e := range r.Entries {
		if c.live[e.Digest] {
			continue
		}
		child, err := c.s.record(ctx, e.Digest)
		if isAbsent(err) {
			continue // deleted, or the disk lost it; the rest is still worth keeping
		} else if err != nil {
			return err
		}
		if err := c.mark(ctx, e.Digest, child); err != nil {
			return err
		}
	}
	return nil
}

// sweep removes what is not live: folders before what is in them, so that a
// crash leaves no folder with a hole; files before their chunks.
func (c *collector) sweep(ctx context.Context, records []object) (Collected, error) {
	order, err := c.deadInOrder(ctx, records)
	if err != nil {
		return c.got, err
	}
	for _, d := range order {
		if err := c.s.bucket.Delete(ctx, recordKey(d)); err != nil {
			return c.got, storageError("collect "+d.Short(), err)
		}
		c.got.Blobs++
	}
	chunks, err := c.s.list(ctx, chunkPrefix)
	if err != nil {
		return c.got, err
	}
	for _, o := range chunks {
		if c.chunks[o.digest] || c.s.isPinned(o.digest) {
			continue
		}
		if err := c.s.bucket.Delete(ctx, chunkKey(o.digest)); err != nil {
			return c.got, storageError("collect a chunk", err)
		}
		c.got.Chunks++
		c.got.Bytes += o.size
	}
	return c.got, nil
}

// deadInOrder returns the records to remove, parents first.
func (c *collector) deadInOrder(ctx context.Context, records []object) ([]merkle.Digest, error) {
	var order []merkle.Digest // children first, to be reversed
	stored := make(map[merkle.Digest]bool, len(records))
	for _, o := range records {
		stored[o.digest] = true
	}
	seen := map[merkle.Digest]bool{}
	var visit func(d merkle.Digest) error
	visit = func(d merkle.Digest) error {
		if seen[d] || c.live[d] || !stored[d] {
			return nil
		}
		seen[d] = true
		r, err := c.s.record(ctx, d)
		if err != nil && !isAbsent(err) {
			return err
		}
		if err == nil {
			for _, e := range r.Entries {
				if err := visit(e.Digest); err != nil {
					return err
				}
			}
		}
		order = append(order, d)
		return nil
	}
	for _, o := range records {
		if err := visit(o.digest); err != nil {
			return nil, err
		}
	}
	slices.Reverse(order)
	return order, nil
}

// isPinned reports whether a file that is being put holds the chunk.
func (s *Store) isPinned(chunk merkle.Digest) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pins[chunk] != nil
}

type object struct {
	digest merkle.Digest
	size   int64
}

// list returns the objects under a prefix, in the order of their digests.
func (s *Store) list(ctx context.Context, prefix string) ([]object, error) {
	var found []object
	it := s.bucket.List(&gocloud.ListOptions{Prefix: prefix})
	for {
		o, err := it.Next(ctx)
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", prefix, err)
		}
		if d, ok := digestOfKey(prefix, o.Key); ok {
			found = append(found, object{d, o.Size})
		}
	}
}
