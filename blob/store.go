// Package blob owns the bytes of artifacts: a content-addressed store of files
// and folders, its HTTP service and the client that fetches from one.
//
// Every byte that it hands on has been hashed first. A file is kept as chunks
// of 1 MiB under their own roots, and a record under the file's digest that
// lists them; the record is written last and in one piece, so a crash leaves
// chunks that nobody can reach, never half a file. A folder is one record with
// its listing, accepted only when everything below it is stored.
//
// It refuses links, devices and unbounded trees, trusts neither its disk nor a
// server, and knows nothing of jobs. The bucket belongs to one Store at a
// time: two of them on one bucket would collect each other's uploads.
//
// Limitations: the file driver does not flush to disk. After a power cut a
// recent blob may be missing or corrupt; reading finds out, and fetching or
// putting it again heals it. Names and empty files have no content bytes, so
// an availability opening does not speak for them.
//
// Buckets of other services: NewStore takes any gocloud bucket. The S3 and GCS
// drivers are not linked here, because they double the download.
package blob

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
	gocloud "gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/memblob"
)

// Bounds of a Config.
const (
	// MaxFileBytes is the largest file whose chunk roots fit one record.
	MaxFileBytes = canon.MaxElements * merkle.ChunkSize
	// MaxDepth keeps every stored folder open to an availability challenge.
	MaxDepth = merkle.MaxOpeningFolders
)

// Config bounds what a store accepts. Its zero value is a sensible default.
type Config struct {
	// FileBytesMax bounds one file; 0 means 8 GiB, at most MaxFileBytes.
	FileBytesMax uint64
	// TreeBytesMax bounds the content below one folder; 0 means 16 GiB.
	TreeBytesMax uint64
	// TreeEntriesMax bounds the names below one folder, each counted as often
	// as it is reached, so that a few shared folders cannot unfold to
	// billions; 0 means 1,048,576.
	TreeEntriesMax uint64
	// DepthMax bounds nested folders; 0 means 32, at most MaxDepth.
	DepthMax int
	// ReadBytesMax bounds what ReadFile holds in memory; 0 means 1 GiB.
	ReadBytesMax uint64
	// Now dates what is stored, for Collect; nil means time.Now.
	Now func() time.Time
}

// Validate refuses a field out of range.
func (c Config) Validate() error {
	switch {
	case c.FileBytesMax > MaxFileBytes:
		return assay.Refuse(CodeConfig, "FileBytesMax %d exceeds %d", c.FileBytesMax, uint64(MaxFileBytes))
	case c.DepthMax < 0 || c.DepthMax > MaxDepth:
		return assay.Refuse(CodeConfig, "DepthMax %d is not within 0 and %d", c.DepthMax, MaxDepth)
	}
	return nil
}

func (c Config) withDefaults() Config {
	def := func(v *uint64, d uint64) {
		if *v == 0 {
			*v = d
		}
	}
	def(&c.FileBytesMax, 8<<30)
	def(&c.TreeBytesMax, 16<<30)
	def(&c.TreeEntriesMax, 1<<20)
	def(&c.ReadBytesMax, 1<<30)
	if c.DepthMax == 0 {
		c.DepthMax = 32
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Store keeps files and folders under their digests. It may be used by many
// goroutines at once.
type Store struct {
	cfg    Config
	bucket *gocloud.Bucket

	// gate is held for reading while something is written and for writing by
	// Collect and Delete, so that nothing is collected between the moment it
	// is found present and the moment it is referred to.
	gate sync.RWMutex

	mu   sync.Mutex
	pins map[merkle.Digest]*pin // chunks of files that are being put
}

// NewStore keeps blobs in a bucket, which Close closes.
func NewStore(bucket *gocloud.Bucket, cfg Config) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Store{cfg: cfg.withDefaults(), bucket: bucket, pins: map[merkle.Digest]*pin{}}, nil
}

// OpenMemory returns an empty store in memory.
func OpenMemory(cfg Config) (*Store, error) { return NewStore(memblob.OpenBucket(nil), cfg) }

// OpenDir returns the store in a folder, which is made if it does not exist.
func OpenDir(dir string, cfg Config) (*Store, error) {
	// Temporary files lie next to their target: a rename from the system's
	// own folder for them may cross a mount.
	bucket, err := fileblob.OpenBucket(dir, &fileblob.Options{
		CreateDir: true, DirFileMode: 0o700, NoTempDir: true, Metadata: fileblob.MetadataDontWrite,
	})
	if err != nil {
		return nil, fmt.Errorf("open blob store %s: %w", dir, err)
	}
	s, err := NewStore(bucket, cfg)
	if err != nil {
		return nil, errors.Join(err, bucket.Close())
	}
	if err := sweepTemporary(dir, s.cfg.Now().Add(-time.Hour)); err != nil {
		return nil, errors.Join(err, bucket.Close())
	}
	return s, nil
}

// sweepTemporary removes what a crash left of unfinished writes.
func sweepTemporary(dir string, before time.Time) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".tmp") {
			return err
		}
		info, err := d.Info()
		if err != nil || !info.ModTime().Before(before) {
			return err
		}
		return os.Remove(path)
	})
}

// Close closes the bucket.
func (s *Store) Close() error { return s.bucket.Close() }

// Info describes what is stored under a digest.
type Info struct {
	Kind   merkle.Kind
	Size   uint64    // content bytes
	Stored time.Time // last put
}

// Stat returns what is stored under d, or ErrNotFound.
func (s *Store) Stat(ctx context.Context, d merkle.Digest) (Info, error) {
	r, err := s.record(ctx, d)
	if err != nil {
		return Info{}, err
	}
	return Info{Kind: r.Kind, Size: r.Size, Stored: time.Unix(r.Stored, 0).UTC()}, nil
}

// Has reports whether d is stored. A folder is stored only with everything
// below it. Has does not read the chunks; Check does.
func (s *Store) Has(ctx context.Context, d merkle.Digest) (bool, error) {
	ok, err := s.bucket.Exists(ctx, recordKey(d))
	if err != nil {
		return false, storageError("look for "+d.Short(), err)
	}
	return ok, nil
}

// Delete forgets d alone: not what a folder names, and not the chunks of a
// file, which may be shared; Collect removes those. Folders that name d become
// incomplete.
func (s *Store) Delete(ctx context.Context, d merkle.Digest) error {
	s.gate.Lock()
	defer s.gate.Unlock()
	if err := s.bucket.Delete(ctx, recordKey(d)); err != nil {
		return storageError("delete "+d.Short(), err)
	}
	return nil
}

// record is what is kept under a digest.
type record struct {
	_       struct{} `cbor:",toarray"`
	Version uint8    // 1
	Kind    merkle.Kind
	Size    uint64
	Stored  int64 // Unix seconds
	Chunks  []merkle.Digest
	Entries []merkle.Entry
	Names   uint64 // below a folder, each as often as it is reached
	Depth   uint32 // of nested folders, this one included
}

const recordVersion = 1

// record reads and verifies the record of d.
func (s *Store) record(ctx context.Context, d merkle.Digest) (*record, error) {
	b, err := s.bucket.ReadAll(ctx, recordKey(d))
	if err != nil {
		return nil, storageError("read "+d.Short(), err)
	}
	var r record
	if err := canon.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("record of %s: %w: %w", d.Short(), ErrCorrupt, err)
	}
	if err := r.verify(d); err != nil {
		return nil, fmt.Errorf("record of %s: %w", d.Short(), err)
	}
	return &r, nil
}

func (r *record) verify(d merkle.Digest) error {
	switch {
	case r.Version != recordVersion:
		return fmt.Errorf("version %d: %w", r.Version, ErrCorrupt)
	case r.Kind == merkle.Folder && r.Size != merkle.FolderSize(r.Entries):
		return fmt.Errorf("size %d: %w", r.Size, ErrCorrupt)
	case r.Kind == merkle.Folder:
		return verifyListing(d, r.Entries)
	}
	return r.tree().Verify(d)
}

func (r *record) tree() Tree { return Tree{Kind: r.Kind, Size: r.Size, Chunks: r.Chunks} }

// verifyListing checks entries against the digest of their folder.
func verifyListing(d merkle.Digest, entries []merkle.Entry) error {
	if err := merkle.CheckEntries(entries); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if merkle.FolderDigest(entries) != d {
		return fmt.Errorf("listing: %w", ErrCorrupt)
	}
	return nil
}

const (
	recordPrefix = "record/"
	chunkPrefix  = "chunk/"
)

// Keys are spread over 256 folders, for file systems that dislike large ones.
func recordKey(d merkle.Digest) string { return key(recordPrefix, d) }
func chunkKey(d merkle.Digest) string  { return key(chunkPrefix, d) }

func key(prefix string, d merkle.Digest) string {
	h := hex.EncodeToString(d[:])
	return prefix + h[:2] + "/" + h[2:]
}

// digestOfKey reverses key; ok is false for a file that is not ours.
func digestOfKey(prefix, k string) (d merkle.Digest, ok bool) {
	h, found := strings.CutPrefix(k, prefix)
	if !found || len(h) != 2*len(d)+1 || h[2] != '/' {
		return d, false
	}
	_, err := hex.Decode(d[:], []byte(h[:2]+h[3:]))
	return d, err == nil
}

// write stores one object in one piece.
func (s *Store) write(ctx context.Context, key string, b []byte) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := s.bucket.NewWriter(ctx, key, &gocloud.WriterOptions{ContentType: "application/octet-stream"})
	if err != nil {
		return storageError("write", err)
	}
	if _, err := w.Write(b); err != nil {
		cancel() // makes Close drop what was written
		return errors.Join(storageError("write", err), ignoreCanceled(w.Close()))
	}
	if err := w.Close(); err != nil {
		return storageError("write", err)
	}
	return nil
}

func ignoreCanceled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
