package blob

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// ClientConfig says where a client fetches from and how patient it is.
type ClientConfig struct {
	// Base is the URL under which /blob/ is served, http or https.
	Base string
	// HTTP sends the requests; nil means one that follows no redirect, since
	// a stranger's server must not point us at our own network.
	HTTP *http.Client
	// Attempts bounds the requests for one chunk that brought nothing or
	// broke off; 0 means 3.
	Attempts int
	// Stall is how long a server may send nothing; 0 means 30 s.
	Stall time.Duration
	// ReadBytesMax bounds what ReadFile holds in memory; 0 means 1 GiB.
	ReadBytesMax uint64
}

// Validate refuses a field out of range.
func (c ClientConfig) Validate() error {
	u, err := url.Parse(c.Base)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.RawQuery != "" || u.Fragment != "":
		return assay.Refuse(CodeConfig, "Base %.80q is not an http or https URL without a query", c.Base)
	case c.Attempts < 0 || c.Stall < 0:
		return assay.Refuse(CodeConfig, "Attempts %d and Stall %v must not be negative", c.Attempts, c.Stall)
	}
	return nil
}

// Client reads blobs from another node, which it does not trust: the worst
// that a server can do is to waste the time that Attempts and Stall allow. It
// implements Source and may be used by many goroutines at once.
type Client struct {
	cfg  ClientConfig
	base string
}

// NewClient returns a client.
func NewClient(cfg ClientConfig) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	if cfg.Attempts == 0 {
		cfg.Attempts = 3
	}
	if cfg.Stall == 0 {
		cfg.Stall = 30 * time.Second
	}
	if cfg.ReadBytesMax == 0 {
		cfg.ReadBytesMax = 1 << 30
	}
	return &Client{cfg: cfg, base: strings.TrimSuffix(cfg.Base, "/") + "/blob/"}, nil
}

// FetchTree brings a file or folder, with everything below it, into dst.
func (c *Client) FetchTree(ctx context.Context, dst *Store, d merkle.Digest) (merkle.Entry, error) {
	return Copy(ctx, dst, c, d, AnyKind)
}

// treeBytesMax is a Tree of the most chunks, each 34 bytes, and its head.
const treeBytesMax = canon.MaxElements*34 + 64

// Tree fetches the kind, size and chunk roots of d. Those of a file are
// verified; a folder's size is the server's word.
func (c *Client) Tree(ctx context.Context, d merkle.Digest) (Tree, error) {
	b, err := c.small(ctx, d.String()+"/tree", treeType, treeBytesMax)
	if err != nil {
		return Tree{}, fmt.Errorf("tree of %s: %w", d.Short(), err)
	}
	var t Tree
	if err := canon.Unmarshal(b, &t); err != nil {
		return Tree{}, fmt.Errorf("tree of %s: %w: %w", d.Short(), ErrCorrupt, err)
	}
	if t.Kind == merkle.Folder {
		return t, nil
	}
	return t, t.Verify(d)
}

// ReadFolder fetches and verifies the listing of a folder.
func (c *Client) ReadFolder(ctx context.Context, d merkle.Digest) ([]merkle.Entry, error) {
	b, err := c.small(ctx, d.String(), folderType, canon.MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("folder %s: %w", d.Short(), err)
	}
	entries, err := merkle.DecodeEntries(b)
	if err != nil {
		return nil, fmt.Errorf("folder %s: %w: %w", d.Short(), ErrCorrupt, err)
	}
	return entries, verifyListing(d, entries)
}

// ReadFile fetches and verifies a file whole.
func (c *Client) ReadFile(ctx context.Context, d merkle.Digest) ([]byte, error) {
	f, err := c.OpenFile(ctx, d)
	if err != nil {
		return nil, err
	}
	return f.readAll(c.cfg.ReadBytesMax)
}

// OpenFile returns a reader over a remote file. It streams one answer while it
// is read in order, and asks for the rest by range after a seek or where the
// connection broke.
func (c *Client) OpenFile(ctx context.Context, d merkle.Digest) (*File, error) {
	t, err := c.Tree(ctx, d)
	if err != nil {
		return nil, err
	}
	if t.Kind != merkle.File {
		return nil, fmt.Errorf("%s is a folder: %w", d.Short(), ErrKind)
	}
	s := &stream{c: c, path: d.String(), size: t.Size, tree: t}
	return newFile(ctx, d, t, s.load, s.close), nil
}

// Push sends d, and everything below it first, to a server that allows
// uploads. What the server has is not sent again.
func (c *Client) Push(ctx context.Context, src *Store, d merkle.Digest) error {
	return c.push(ctx, src, d, map[merkle.Digest]bool{})
}

func (c *Client) push(ctx context.Context, src *Store, d merkle.Digest, done map[merkle.Digest]bool) error {
	if done[d] {
		return nil
	}
	r, err := src.record(ctx, d)
	if err != nil {
		return err
	}
	res, stop, err := c.do(ctx, http.MethodHead, d.String(), nil, nil)
	if err == nil {
		stop()
		done[d] = true
		return res.Body.Close()
	}
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	for _, e := range r.Entries {
		if err := c.push(ctx, src, e.Digest, done); err != nil {
			return fmt.Errorf("push %.80q: %w", e.Name, err)
		}
	}
	done[d] = true
	if r.Kind == merkle.Folder {
		b := merkle.EncodeEntries(r.Entries)
		return c.putBody(ctx, d, folderType, bytes.NewReader(b), int64(len(b)))
	}
	// Not closed: the transport may read on for a moment after it has an answer.
	f := src.fileOf(ctx, d, r)
	return c.putBody(ctx, d, fileType, f, int64(f.Size()))
}

func (c *Client) putBody(ctx context.Context, d merkle.Digest, mediaType string, body io.Reader, size int64) error {
	res, stop, err := c.do(ctx, http.MethodPut, d.String(), body, func(r *http.Request) {
		r.Header.Set("Content-Type", mediaType)
		r.ContentLength = size
		if size == 0 {
			r.Body = http.NoBody
		}
	})
	if err != nil {
		return fmt.Errorf("push %s: %w", d.Short(), err)
	}
	stop()
	return res.Body.Close()
}

// small fetches a body that is read whole.
func (c *Client) small(ctx context.Context, path, mediaType string, limit int64) ([]byte, error) {
	var err error
	for range c.cfg.Attempts {
		var b []byte
		if b, err = c.smallOnce(ctx, path, mediaType, limit); !errors.Is(err, ErrUnavailable) || ctx.Err() != nil {
			return b, err
		}
	}
	return nil, err
}

func (c *Client) smallOnce(ctx context.Context, path, mediaType string, limit int64) ([]byte, error) {
	res, stop, err := c.do(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return nil, err
	}
	defer stop()
	defer res.Body.Close()
	if got := res.Header.Get("Content-Type"); got != mediaType {
		return nil, fmt.Errorf("answer is %.80q where %s is due: %w", got, mediaType, ErrKind)
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d: %w", res.StatusCode, ErrUnavailable)
	}
	if res.ContentLength > limit {
		return nil, fmt.Errorf("answer of %d bytes exceeds %d: %w", res.ContentLength, limit, ErrTooLarge)
	}
	return readLimited(res.Body, limit)
}

// do sends one request. Unless it fails, its body must be closed, and stop
// called after that. The body is cut when nothing arrives for Stall.
func (c *Client) do(ctx context.Context, method, path string, body io.Reader, edit func(*http.Request)) (*http.Response, func(), error) {
	ctx, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(c.cfg.Stall, cancel)
	stop := func() { timer.Stop(); cancel() }
	if body != nil {
		body = progress{body, timer, c.cfg.Stall}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		stop()
		return nil, nil, err
	}
	req.Header.Set("Accept-Encoding", "identity") // ranges count plain bytes
	if edit != nil {
		edit(req)
	}
	res, err := c.cfg.HTTP.Do(req)
	if err != nil {
		stop()
		return nil, nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if res.StatusCode/100 != 2 {
		defer stop()
		defer res.Body.Close()
		return nil, nil, refusalOf(res)
	}
	timer.Reset(c.cfg.Stall)
	res.Body = readCloser{progress{res.Body, timer, c.cfg.Stall}, res.Body}
	return res, stop, nil
}

// refusalOf turns an answer into the refusal whose code it carries, if that is
// one a server may give; anything else counts as unavailable.
func refusalOf(res *http.Response) error {
	b, _ := io.ReadAll(io.LimitReader(res.Body, 4096)) // a broken body only loses the words
	var r refusal
	if err := json.Unmarshal(b, &r); err == nil {
		for _, e := range []error{ErrNotFound, ErrTooLarge, ErrKind, ErrIncomplete, ErrCorrupt, ErrName} {
			if r.Code == assay.CodeOf(e) {
				return fmt.Errorf("server says %.200q: %w", r.Detail, e)
			}
		}
	}
	if res.StatusCode == http.StatusNotFound {
		return ErrNotFound
	}
	return fmt.Errorf("status %d: %w", res.StatusCode, ErrUnavailable)
}

type readCloser struct {
	io.Reader
	io.Closer
}

// progress puts off the stall timer while bytes flow.
type progress struct {
	r     io.Reader
	timer *time.Timer
	stall time.Duration
}

func (p progress) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if n > 0 {
		p.timer.Reset(p.stall)
	}
	if err != nil && !errors.Is(err, io.EOF) && !errors.As(err, new(*assay.Refusal)) {
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return n, err
}

// stream loads the chunks of one remote file from as few answers as possible.
type stream struct {
	c    *Client
	path string
	size uint64
	tree Tree

	body io.ReadCloser // nil: none open
	stop func()
	at   uint64 // offset of the next byte of body
}

// load implements loader. What arrived of a chunk before the connection broke
// is kept: the whole chunk is verified in the end.
func (s *stream) load(ctx context.Context, i int, buf []byte) ([]byte, error) {
	start := uint64(i) * merkle.ChunkSize
	want := s.tree.chunkLen(i)
	var err error
	for range s.c.cfg.Attempts {
		if err = s.seek(ctx, start+uint64(len(buf))); err == nil {
			var n int
			n, err = io.ReadFull(s.body, buf[len(buf):want])
			buf = buf[:len(buf)+n]
			s.at += uint64(n)
			if err == nil {
				return buf, nil
			}
			err = fmt.Errorf("answer ends at byte %d of %d: %w: %w", s.at, s.size, ErrUnavailable, err)
			s.drop()
		}
		if !errors.Is(err, ErrUnavailable) || ctx.Err() != nil {
			return nil, err
		}
	}
	return nil, err
}

// seek sees to it that the next byte of body is the one at offset.
func (s *stream) seek(ctx context.Context, offset uint64) error {
	if s.body != nil && s.at == offset {
		return nil
	}
	s.drop()
	res, stop, err := s.c.do(ctx, http.MethodGet, s.path, nil, func(r *http.Request) {
		if offset > 0 {
			r.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
		}
	})
	if err != nil {
		return err
	}
	status := http.StatusOK
	if offset > 0 {
		status = http.StatusPartialContent
	}
	if res.StatusCode != status {
		stop()
		return errors.Join(fmt.Errorf("status %d where %d is due: %w", res.StatusCode, status, ErrUnavailable), res.Body.Close())
	}
	s.body, s.stop, s.at = res.Body, stop, offset
	return nil
}

func (s *stream) drop() {
	if s.body != nil {
		s.body.Close()
		s.stop()
		s.body = nil
	}
}

func (s *stream) close() error {
	s.drop()
	return nil
}
