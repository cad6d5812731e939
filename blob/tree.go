package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/capacloud/assay/merkle"
)

// PutTree imports a file or folder of the operating system and returns it as
// an entry under its base name. Only names and bytes are taken: no times, no
// modes. Links are refused rather than followed, devices, pipes and sockets
// too (ErrSpecialFile); so is a tree beyond the limits (ErrTooLarge).
func (s *Store) PutTree(ctx context.Context, path string) (merkle.Entry, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return merkle.Entry{}, err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return merkle.Entry{}, err
	}
	im := importer{s: s}
	if info.IsDir() {
		root, err := os.OpenRoot(path)
		if err != nil {
			return merkle.Entry{}, err
		}
		e, err := im.folder(ctx, root, filepath.Base(path), 1)
		return e, errors.Join(err, root.Close())
	}
	// A root cannot be left through a link that appears meanwhile.
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return merkle.Entry{}, err
	}
	e, err := im.entry(ctx, root, filepath.Base(path), 0)
	return e, errors.Join(err, root.Close())
}

// importer counts what one import has taken, so that it stops early.
type importer struct {
	s     *Store
	names uint64
	bytes uint64
}

func (im *importer) entry(ctx context.Context, root *os.Root, name string, depth int) (merkle.Entry, error) {
	info, err := root.Lstat(name)
	if err != nil {
		return merkle.Entry{}, err
	}
	switch {
	case info.IsDir():
		sub, err := root.OpenRoot(name)
		if err != nil {
			return merkle.Entry{}, err
		}
		e, err := im.folder(ctx, sub, name, depth+1)
		return e, errors.Join(err, sub.Close())
	case info.Mode().IsRegular():
		return im.file(ctx, root, name, info)
	}
	return merkle.Entry{}, fmt.Errorf("%.80q is %s: %w", name, info.Mode().Type(), ErrSpecialFile)
}

func (im *importer) file(ctx context.Context, root *os.Root, name string, before fs.FileInfo) (merkle.Entry, error) {
	f, err := root.Open(name)
	if err != nil {
		return merkle.Entry{}, err
	}
	defer f.Close()
	// Whoever owns the tree may have put a link in the file's place.
	info, err := f.Stat()
	if err != nil {
		return merkle.Entry{}, err
	}
	if !info.Mode().IsRegular() || !os.SameFile(before, info) {
		return merkle.Entry{}, fmt.Errorf("%.80q was replaced while it was read: %w", name, ErrSpecialFile)
	}
	limit := min(im.s.cfg.FileBytesMax, im.s.cfg.TreeBytesMax-im.bytes)
	d, size, err := im.s.putFile(ctx, f, nil, limit)
	if err != nil {
		return merkle.Entry{}, fmt.Errorf("import %.80q: %w", name, err)
	}
	im.bytes += size
	return merkle.Entry{Name: name, Kind: merkle.File, Digest: d, Size: size}, nil
}

func (im *importer) folder(ctx context.Context, root *os.Root, name string, depth int) (merkle.Entry, error) {
	if depth > im.s.cfg.DepthMax {
		return merkle.Entry{}, fmt.Errorf("%.80q is more than %d folders deep: %w", name, im.s.cfg.DepthMax, ErrTooLarge)
	}
	names, err := im.list(root)
	if err != nil {
		return merkle.Entry{}, fmt.Errorf("%.80q: %w", name, err)
	}
	entries := make([]merkle.Entry, 0, len(names))
	for _, n := range names {
		if err := ctx.Err(); err != nil {
			return merkle.Entry{}, err
		}
		e, err := im.entry(ctx, root, n, depth)
		if err != nil {
			return merkle.Entry{}, fmt.Errorf("in %.80q: %w", name, err)
		}
		entries = append(entries, e)
	}
	merkle.SortEntries(entries)
	d, err := im.s.PutFolder(ctx, entries)
	if err != nil {
		return merkle.Entry{}, fmt.Errorf("import %.80q: %w", name, err)
	}
	return merkle.Entry{Name: name, Kind: merkle.Folder, Digest: d, Size: merkle.FolderSize(entries)}, nil
}

// list reads the names of a folder, no more than may be imported.
func (im *importer) list(root *os.Root) ([]string, error) {
	f, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	limit := min(uint64(merkle.MaxEntries), im.s.cfg.TreeEntriesMax-im.names)
	names, err := f.Readdirnames(int(limit) + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if uint64(len(names)) > limit {
		return nil, fmt.Errorf("more than %d names: %w", limit, ErrTooLarge)
	}
	im.names += uint64(len(names))
	return names, nil
}

// Export writes a stored file or folder to path. Folders that exist are
// entered only at the top; nothing is overwritten (ErrExists). An export that
// fails leaves what it has written.
func (s *Store) Export(ctx context.Context, d merkle.Digest, path string) error {
	r, err := s.record(ctx, d)
	if err != nil {
		return err
	}
	if r.Kind == merkle.File {
		root, err := os.OpenRoot(filepath.Dir(path))
		if err != nil {
			return err
		}
		return errors.Join(s.exportFile(ctx, root, filepath.Base(path), s.fileOf(ctx, d, r)), root.Close())
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	return errors.Join(s.exportFolder(ctx, root, r.Entries), root.Close())
}

// exportFolder recurses no deeper than PutFolder allowed.
func (s *Store) exportFolder(ctx context.Context, root *os.Root, entries []merkle.Entry) error {
	for _, e := range entries {
		if err := s.exportEntry(ctx, root, e); err != nil {
			return fmt.Errorf("export %.80q: %w", e.Name, err)
		}
	}
	return nil
}

func (s *Store) exportEntry(ctx context.Context, root *os.Root, e merkle.Entry) error {
	if e.Kind == merkle.File {
		f, err := s.OpenFile(ctx, e.Digest)
		if err != nil {
			return err
		}
		return s.exportFile(ctx, root, e.Name, f)
	}
	entries, err := s.ReadFolder(ctx, e.Digest)
	if err != nil {
		return err
	}
	if err := root.Mkdir(e.Name, 0o755); err != nil {
		return existsError(err)
	}
	sub, err := root.OpenRoot(e.Name)
	if err != nil {
		return err
	}
	return errors.Join(s.exportFolder(ctx, sub, entries), sub.Close())
}

func (s *Store) exportFile(ctx context.Context, root *os.Root, name string, f *File) error {
	w, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return existsError(err)
	}
	_, err = f.WriteTo(w)
	return errors.Join(err, w.Close())
}

func existsError(err error) error {
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %w", ErrExists, err)
	}
	return err
}
