package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/capacloud/assay/merkle"
)

// Source is where artifacts come from: a *Store, a *Client, or a fake.
type Source interface {
	ReadFile(ctx context.Context, d merkle.Digest) ([]byte, error)
	ReadFolder(ctx context.Context, d merkle.Digest) ([]merkle.Entry, error)
}

// fileOpener is a Source that can stream. Store and Client are.
type fileOpener interface {
	OpenFile(ctx context.Context, d merkle.Digest) (*File, error)
}

// AnyKind lets Copy find out whether a digest names a file or a folder.
const AnyKind merkle.Kind = 0

// Copy brings d, and everything below it, from src into dst, and returns what
// it is. Nothing src says is believed: listings and chunks are verified before
// they are stored, sizes and kinds against what the folder above says. What is
// already in dst is read and verified instead, so a second Copy heals a bad
// disk, and resumes where a failed one ended.
func Copy(ctx context.Context, dst *Store, src Source, d merkle.Digest, kind merkle.Kind) (merkle.Entry, error) {
	c := copier{dst: dst, src: src, fileMax: dst.cfg.FileBytesMax, done: map[merkle.Digest]merkle.Entry{}}
	if kind != AnyKind {
		return c.any(ctx, d, kind, 0)
	}
	e, err := c.any(ctx, d, merkle.Folder, 0)
	if errors.Is(err, ErrKind) || errors.Is(err, ErrNotFound) {
		if file, fileErr := c.any(ctx, d, merkle.File, 0); fileErr == nil {
			return file, nil
		}
	}
	return e, err
}

// CopyFile is Copy of one file, and refuses one of more than size bytes before it
// is fetched: a stranger names the digest, and what it is of.
func CopyFile(ctx context.Context, dst *Store, src Source, d merkle.Digest, size uint64) error {
	c := copier{dst: dst, src: src, fileMax: min(size, dst.cfg.FileBytesMax), done: map[merkle.Digest]merkle.Entry{}}
	_, err := c.any(ctx, d, merkle.File, 0)
	return err
}

// copier remembers what one Copy has done: folders may share children.
type copier struct {
	dst  *Store
	src  Source
	done map[merkle.Digest]merkle.Entry

	fileMax uint64 // bytes of a file
}

func (c *copier) any(ctx context.Context, d merkle.Digest, kind merkle.Kind, depth int) (merkle.Entry, error) {
	if err := ctx.Err(); err != nil {
		return merkle.Entry{}, err
	}
	if e, ok := c.done[d]; ok {
		return e, nil
	}
	if uint64(len(c.done)) > c.dst.cfg.TreeEntriesMax {
		return merkle.Entry{}, fmt.Errorf("more than %d files and folders: %w", c.dst.cfg.TreeEntriesMax, ErrTooLarge)
	}
	e := merkle.Entry{Kind: kind, Digest: d}
	var err error
	switch kind {
	case merkle.File:
		e.Size, err = c.file(ctx, d)
	case merkle.Folder:
		e.Size, err = c.folder(ctx, d, depth+1)
	default:
		err = fmt.Errorf("kind %d: %w", kind, ErrKind)
	}
	if err != nil {
		return merkle.Entry{}, fmt.Errorf("copy %s: %w", d.Short(), err)
	}
	c.done[d] = e
	return e, nil
}

func (c *copier) folder(ctx context.Context, d merkle.Digest, depth int) (uint64, error) {
	if depth > c.dst.cfg.DepthMax {
		return 0, fmt.Errorf("more than %d folders deep: %w", c.dst.cfg.DepthMax, ErrTooLarge)
	}
	entries, err := c.listing(ctx, d)
	if err != nil {
		return 0, err
	}
	if size := merkle.FolderSize(entries); size > c.dst.cfg.TreeBytesMax {
		return 0, fmt.Errorf("folder of %d bytes exceeds %d: %w", size, c.dst.cfg.TreeBytesMax, ErrTooLarge)
	}
	for _, e := range entries {
		got, err := c.any(ctx, e.Digest, e.Kind, depth)
		if err != nil {
			return 0, err
		}
		if got.Kind != e.Kind || got.Size != e.Size {
			return 0, fmt.Errorf("entry %.80q states kind %d and %d bytes, it has kind %d and %d: %w", e.Name, e.Kind, e.Size, got.Kind, got.Size, ErrCorrupt)
		}
	}
	_, err = c.dst.PutFolder(ctx, entries)
	return merkle.FolderSize(entries), err
}

// listing returns the verified entries of a folder, from dst if it has them.
func (c *copier) listing(ctx context.Context, d merkle.Digest) ([]merkle.Entry, error) {
	entries, err := c.dst.ReadFolder(ctx, d)
	if !isAbsent(err) {
		return entries, err
	}
	if entries, err = c.src.ReadFolder(ctx, d); err != nil {
		return nil, err
	}
	return entries, verifyListing(d, entries)
}

// isAbsent reports whether err says that the store needs a blob brought to it.
func isAbsent(err error) bool {
	return errors.Is(err, ErrNotFound) || errors.Is(err, ErrCorrupt)
}

func (c *copier) file(ctx context.Context, d merkle.Digest) (uint64, error) {
	r, err := c.dst.record(ctx, d)
	switch {
	case err == nil && r.Kind != merkle.File:
		return 0, fmt.Errorf("%s is a folder: %w", d.Short(), ErrKind)
	case err == nil:
		err = c.local(ctx, d, r.tree())
		if err == nil {
			return r.Size, nil
		}
	}
	if !isAbsent(err) {
		return 0, err
	}
	src, ok := c.src.(fileOpener)
	if !ok {
		b, err := c.src.ReadFile(ctx, d)
		if err != nil {
			return 0, err
		}
		_, size, err := c.dst.putFile(ctx, bytes.NewReader(b), &d, c.fileMax)
		return size, err
	}
	f, err := src.OpenFile(ctx, d)
	if err != nil {
		return 0, err
	}
	return f.Size(), errors.Join(c.stream(ctx, d, f), f.Close())
}

// local reads a stored file through and dates it anew.
func (c *copier) local(ctx context.Context, d merkle.Digest, t Tree) error {
	p := c.dst.newPut()
	p.keep = true
	defer p.end(ctx)
	for i, root := range t.Chunks {
		if !c.have(ctx, p, t, i) {
			return fmt.Errorf("chunk %s: %w", root.Short(), ErrCorrupt)
		}
	}
	return p.commit(ctx, d, t)
}

// stream copies a file chunk by chunk and skips those that dst has.
func (c *copier) stream(ctx context.Context, d merkle.Digest, f *File) (err error) {
	if f.Size() > c.fileMax {
		return fmt.Errorf("file of %d bytes exceeds %d: %w", f.Size(), c.fileMax, ErrTooLarge)
	}
	if err := f.tree.Verify(d); err != nil {
		return err
	}
	p := c.dst.newPut()
	p.keep = true // verified members of a wanted file: the next try needs them
	defer func() { err = errors.Join(err, p.end(ctx)) }()
	for i, root := range f.tree.Chunks {
		if c.have(ctx, p, f.tree, i) {
			continue
		}
		b, err := f.chunk(i)
		if err != nil {
			return err
		}
		if err := p.chunk(ctx, root, b); err != nil {
			return err
		}
	}
	return p.commit(ctx, d, f.tree)
}

// have pins a chunk and reports whether dst holds it intact.
func (c *copier) have(ctx context.Context, p *put, t Tree, i int) bool {
	c.dst.gate.RLock()
	defer c.dst.gate.RUnlock()
	p.pin(t.Chunks[i])
	b, err := c.dst.loadChunk(ctx, t.Chunks[i], nil)
	return err == nil && len(b) == t.chunkLen(i) && chunkRoot(b) == t.Chunks[i]
}
