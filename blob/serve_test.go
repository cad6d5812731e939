package blob

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// serve starts a server over handler and a client for it.
func serve(t *testing.T, h http.Handler) (*httptest.Server, *Client) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	c, err := NewClient(ClientConfig{Base: srv.URL + "/"})
	must(t, err)
	return srv, c
}

func get(t *testing.T, method, url string, header ...string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	must(t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	must(t, err)
	return res, b
}

func TestServeRanges(t *testing.T) {
	s := memory(t, Config{})
	b := bytesOf(1, merkle.ChunkSize+100)
	d := putFile(t, s, b).Digest
	srv, _ := serve(t, s.Handler(HandlerConfig{}))
	url := srv.URL + "/blob/" + d.String()
	n := len(b)
	for rng, want := range map[string]struct {
		status   int
		from, to int
	}{
		"":                         {200, 0, n},
		"bytes=0-":                 {206, 0, n},
		"bytes=0-0":                {206, 0, 1},
		"bytes=1048575-1048576":    {206, merkle.ChunkSize - 1, merkle.ChunkSize + 1},
		"bytes=-1":                 {206, n - 1, n},
		"bytes=-99999999":          {206, 0, n},
		"bytes=1048600-99999999":   {206, 1048600, n},
		"bytes=1048676-":           {416, 0, 0},
		"bytes=99999999999999999-": {416, 0, 0},
		"bytes=2-1":                {416, 0, 0},
		"lines=0-1":                {416, 0, 0},
	} {
		res, got := get(t, "GET", url, "Range", rng)
		if res.StatusCode != want.status {
			t.Errorf("%s: status %d, want %d", rng, res.StatusCode, want.status)
		} else if res.StatusCode != 416 && !bytes.Equal(got, b[want.from:want.to]) {
			t.Errorf("%s: %d bytes differ", rng, len(got))
		}
	}
	res, got := get(t, "HEAD", url)
	if res.StatusCode != 200 || res.ContentLength != int64(n) || len(got) != 0 {
		t.Errorf("HEAD: %d, length %d", res.StatusCode, res.ContentLength)
	}
	for k, want := range map[string]string{
		"ETag": `"` + d.String() + `"`, "Cache-Control": "public, max-age=31536000, immutable",
		"Content-Type": fileType, "X-Content-Type-Options": "nosniff",
	} {
		if got := res.Header.Get(k); got != want {
			t.Errorf("%s is %q, want %q", k, got, want)
		}
	}
	if res, _ := get(t, "GET", url, "If-None-Match", `"`+d.String()+`"`); res.StatusCode != 304 {
		t.Errorf("If-None-Match: status %d", res.StatusCode)
	}
}

func TestServeFoldersAndTrees(t *testing.T) {
	s := memory(t, Config{})
	f := putFile(t, s, bytesOf(1, merkle.ChunkSize+1))
	dir := putFolder(t, s, f)
	srv, c := serve(t, s.Handler(HandlerConfig{}))
	entries, err := c.ReadFolder(t.Context(), dir.Digest)
	must(t, err)
	if len(entries) != 1 || entries[0].Name != "a" || entries[0].Digest != f.Digest {
		t.Errorf("listing is %+v", entries)
	}
	tree, err := c.Tree(t.Context(), f.Digest)
	must(t, err)
	if tree.Kind != merkle.File || len(tree.Chunks) != 2 {
		t.Errorf("tree is %+v", tree)
	}
	if tree, err = c.Tree(t.Context(), dir.Digest); err != nil || tree.Kind != merkle.Folder || tree.Size != f.Size {
		t.Errorf("tree of the folder is %+v, %v", tree, err)
	}
	_, body := get(t, "GET", srv.URL+"/blob/"+dir.Digest.String()+"/list")
	var rows []map[string]string
	must(t, json.Unmarshal(body, &rows))
	if len(rows) != 1 || rows[0]["name"] != "a" || rows[0]["size"] != "1048577" {
		t.Errorf("JSON listing is %s", body)
	}
	_, err = c.ReadFolder(t.Context(), f.Digest)
	wantCode(t, err, CodeKind)
	_, err = c.ReadFile(t.Context(), dir.Digest)
	wantCode(t, err, CodeKind)
}

func TestServeRefusals(t *testing.T) {
	s := memory(t, Config{})
	srv, c := serve(t, s.Handler(HandlerConfig{}))
	for _, name := range []string{"", "x", "sha256:00", strings.ToUpper(merkle.FileOf(nil).String()), merkle.FileOf(nil).String()} {
		if res, _ := get(t, "GET", srv.URL+"/blob/"+name); res.StatusCode != 404 {
			t.Errorf("%q: status %d", name, res.StatusCode)
		}
	}
	res, body := get(t, "GET", srv.URL+"/blob/"+merkle.FileOf(nil).String())
	if !bytes.Contains(body, []byte(CodeNotFound)) || res.Header.Get("ETag") != "" || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("refusal %s with %v", body, res.Header)
	}
	_, err := c.ReadFile(t.Context(), merkle.FileOf(nil))
	wantCode(t, err, CodeNotFound)
	if res, _ := get(t, "PUT", srv.URL+"/blob/"+merkle.FileOf(nil).String()); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("PUT without Upload: status %d", res.StatusCode)
	}
}

func TestServeCutsCorruptBodies(t *testing.T) {
	s, dir := onDisk(t, Config{})
	b := bytesOf(1, 2*merkle.ChunkSize)
	d := putFile(t, s, b).Digest
	must(t, flip(chunkFile(dir, chunkRoot(b[merkle.ChunkSize:])), 7))
	srv, c := serve(t, s.Handler(HandlerConfig{}))
	res, err := http.Get(srv.URL + "/blob/" + d.String())
	must(t, err)
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.Equal(got, b[:merkle.ChunkSize]) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	_, err = c.ReadFile(t.Context(), d)
	wantCode(t, err, CodeUnavailable)
}

func TestUpload(t *testing.T) {
	src, dst := memory(t, Config{}), memory(t, Config{FileBytesMax: 3 * merkle.ChunkSize})
	ctx := t.Context()
	_, c := serve(t, dst.Handler(HandlerConfig{Upload: true, UploadBytesMax: 2 * merkle.ChunkSize}))
	inner := putFolder(t, src, putFile(t, src, nil), putFile(t, src, bytesOf(1, merkle.ChunkSize+3)))
	root := putFolder(t, src, inner, inner, putFile(t, src, []byte("x")))
	must(t, c.Push(ctx, src, root.Digest))
	must(t, dst.Check(ctx, root.Digest))
	must(t, c.Push(ctx, src, root.Digest)) // nothing left to send

	big := putFile(t, src, bytesOf(2, 2*merkle.ChunkSize+1))
	wantCode(t, c.Push(ctx, src, big.Digest), CodeTooLarge)
	// Without a length the limit is met on the way.
	err := c.putBody(ctx, big.Digest, fileType, bytes.NewReader(bytesOf(2, 2*merkle.ChunkSize+1)), -1)
	wantCode(t, err, CodeTooLarge)
	wantCode(t, c.putBody(ctx, merkle.FileOf([]byte("right")), fileType, strings.NewReader("wrong"), 5), CodeCorrupt)
	wantCode(t, c.putBody(ctx, root.Digest, folderType, strings.NewReader("\x80"), 1), CodeCorrupt)
	wantCode(t, c.putBody(ctx, root.Digest, folderType, strings.NewReader("\xff"), 1), CodeCorrupt)
	orphan := []merkle.Entry{{Name: "a", Kind: merkle.File, Digest: merkle.FileOf([]byte("?")), Size: 1}}
	listing := merkle.EncodeEntries(orphan)
	wantCode(t, c.putBody(ctx, merkle.FolderDigest(orphan), folderType, bytes.NewReader(listing), int64(len(listing))), CodeIncomplete)
	if _, err := dst.Collect(ctx, func(d merkle.Digest) bool { return d == root.Digest }, 0); err != nil {
		t.Fatal(err)
	}
	must(t, dst.Check(ctx, root.Digest))
}

func TestFetchTree(t *testing.T) {
	stores(t, Config{}, func(t *testing.T, dst *Store) {
		src := memory(t, Config{})
		ctx := t.Context()
		inner := putFolder(t, src, putFile(t, src, nil), putFile(t, src, bytesOf(1, 2*merkle.ChunkSize+3)))
		root := putFolder(t, src, inner, putFile(t, src, []byte("x")), inner, putFolder(t, src))
		var requests atomic.Int64
		h := src.Handler(HandlerConfig{})
		_, c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			requests.Add(1)
			h.ServeHTTP(w, r)
		}))
		got, err := c.FetchTree(ctx, dst, root.Digest)
		must(t, err)
		if got.Kind != merkle.Folder || got.Size != root.Size {
			t.Errorf("fetched %+v", got)
		}
		must(t, dst.Check(ctx, root.Digest))
		before := requests.Load()
		_, err = c.FetchTree(ctx, dst, root.Digest)
		must(t, err)
		if after := requests.Load(); after != before {
			t.Errorf("%d requests for what is there", after-before)
		}
		file := putFile(t, src, []byte("alone"))
		got, err = c.FetchTree(ctx, dst, file.Digest)
		must(t, err)
		if got.Kind != merkle.File || got.Size != 5 {
			t.Errorf("fetched %+v", got)
		}
		_, err = c.FetchTree(ctx, dst, merkle.FileOf([]byte("nowhere")))
		wantCode(t, err, CodeNotFound)
	})
}

// cutWriter ends an answer after n bytes, as a broken connection does.
type cutWriter struct {
	http.ResponseWriter
	n int
}

func (w *cutWriter) Write(p []byte) (int, error) {
	if len(p) > w.n {
		k, _ := w.ResponseWriter.Write(p[:w.n])
		w.n -= k
		panic(http.ErrAbortHandler)
	}
	w.n -= len(p)
	return w.ResponseWriter.Write(p)
}

func TestFetchResumes(t *testing.T) {
	src, dst := memory(t, Config{}), memory(t, Config{})
	b := bytesOf(1, 3*merkle.ChunkSize+11)
	d := putFile(t, src, b).Digest
	var asked []string
	h := src.Handler(HandlerConfig{})
	_, c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/tree") && !strings.HasPrefix(r.Header.Get("Range"), "bytes=31") {
			asked = append(asked, r.Header.Get("Range"))
			w = &cutWriter{w, merkle.ChunkSize - 100}
		}
		h.ServeHTTP(w, r)
	}))
	_, err := Copy(t.Context(), dst, c, d, merkle.File)
	must(t, err)
	must(t, dst.Check(t.Context(), d))
	if len(asked) != 3 || asked[1] != "bytes=1048476-" {
		t.Errorf("asked for %q", asked)
	}
}

// TestFetchContinuesAfterFailure keeps what a failed fetch has brought.
func TestFetchContinuesAfterFailure(t *testing.T) {
	src, dst := memory(t, Config{}), memory(t, Config{})
	b := bytesOf(1, 3*merkle.ChunkSize)
	d := putFile(t, src, b).Digest
	limit := merkle.ChunkSize + 5 // of each answer
	var ranges []string
	h := src.Handler(HandlerConfig{})
	_, c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rng := r.Header.Get("Range"); rng != "" {
			ranges = append(ranges, rng)
			if limit > 0 {
				http.Error(w, "later", http.StatusServiceUnavailable)
				return
			}
		}
		if limit > 0 {
			w = &cutWriter{w, limit}
		}
		h.ServeHTTP(w, r)
	}))
	_, err := Copy(t.Context(), dst, c, d, merkle.File)
	wantCode(t, err, CodeUnavailable)
	if ok, _ := dst.Has(t.Context(), d); ok {
		t.Error("half a file is readable")
	}
	limit, ranges = 0, nil
	_, err = Copy(t.Context(), dst, c, d, merkle.File)
	must(t, err)
	if fmt.Sprint(ranges) != "[bytes=1048576-]" {
		t.Errorf("the second fetch asked for %v", ranges)
	}
}

// TestLyingServers must never get a wrong byte into a store or to a reader,
// nor make the client allocate what it announces.
func TestLyingServers(t *testing.T) {
	src := memory(t, Config{})
	b := bytesOf(1, 2*merkle.ChunkSize)
	file := putFile(t, src, b)
	dir := putFolder(t, src, file)
	honest := src.Handler(HandlerConfig{})
	otherTree := Tree{Kind: merkle.File, Size: 2 * merkle.ChunkSize, Chunks: make([]merkle.Digest, 2)}
	hugeTree := Tree{Kind: merkle.File, Size: 1 << 60, Chunks: []merkle.Digest{chunkRoot(b[:merkle.ChunkSize])}}
	answer := func(mediaType string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", mediaType)
			w.Write(body)
		}
	}
	for name, lie := range map[string]struct {
		tree, body, folder http.HandlerFunc
		code               assay.Code
	}{
		"other bytes":    {body: answer(fileType, bytesOf(2, 2*merkle.ChunkSize)), code: CodeCorrupt},
		"second chunk":   {body: answer(fileType, append(bytes.Clone(b[:merkle.ChunkSize]), make([]byte, merkle.ChunkSize)...)), code: CodeCorrupt},
		"short":          {body: answer(fileType, b[:10]), code: CodeUnavailable},
		"other tree":     {tree: answer(treeType, otherTree.Encode()), code: CodeCorrupt},
		"huge tree":      {tree: answer(treeType, hugeTree.Encode()), code: CodeCorrupt},
		"kindless tree":  {tree: answer(treeType, Tree{Kind: 7}.Encode()), code: CodeKind},
		"noise for tree": {tree: answer(treeType, []byte{0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), code: CodeCorrupt},
		"other folder":   {folder: answer(folderType, merkle.EncodeEntries(nil)), code: CodeCorrupt},
		"endless folder": {folder: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", folderType)
			for page := make([]byte, 1<<20); r.Context().Err() == nil; {
				w.Write(page)
			}
		}, code: CodeTooLarge},
		"huge length": {folder: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", folderType)
			w.Header().Set("Content-Length", "9223372036854775807")
			w.WriteHeader(200)
		}, code: CodeTooLarge},
		"redirect": {folder: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		}, code: CodeUnavailable},
		"gone": {body: func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }, code: CodeNotFound},
		"down": {body: func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(502) }, code: CodeUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			_, c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch path := r.URL.Path; {
				case strings.HasSuffix(path, file.Digest.String()+"/tree") && lie.tree != nil:
					lie.tree(w, r)
				case strings.HasSuffix(path, file.Digest.String()) && lie.body != nil:
					lie.body(w, r)
				case strings.HasSuffix(path, dir.Digest.String()) && lie.folder != nil:
					lie.folder(w, r)
				default:
					honest.ServeHTTP(w, r)
				}
			}))
			dst := memory(t, Config{})
			_, err := Copy(t.Context(), dst, c, dir.Digest, merkle.Folder)
			wantCode(t, err, lie.code)
			for _, d := range []merkle.Digest{dir.Digest, file.Digest} {
				if ok, _ := dst.Has(t.Context(), d); ok {
					t.Errorf("%s was stored", d.Short())
				}
			}
		})
	}
}

// TestLyingListing has sizes that are not those of the children: the listing
// hashes right, so only the walk can tell.
func TestLyingListing(t *testing.T) {
	src, dst := memory(t, Config{}), memory(t, Config{})
	f := putFile(t, src, []byte("four"))
	for name, e := range map[string]merkle.Entry{
		"size": {Name: "a", Kind: merkle.File, Digest: f.Digest, Size: 5},
		"kind": {Name: "a", Kind: merkle.Folder, Digest: f.Digest, Size: 4},
	} {
		lied := []merkle.Entry{e}
		_, err := Copy(t.Context(), dst, fake{src, lied}, merkle.FolderDigest(lied), merkle.Folder)
		if code := assay.CodeOf(err); code != CodeCorrupt && code != CodeKind {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A source that answers with a listing of another digest.
	_, err := Copy(t.Context(), dst, fake{src, nil}, merkle.FileOf([]byte("other")), merkle.Folder)
	wantCode(t, err, CodeCorrupt)
}

// fake is a source without streaming, whose folders are all alike.
type fake struct {
	files   *Store
	entries []merkle.Entry
}

func (f fake) ReadFile(ctx context.Context, d merkle.Digest) ([]byte, error) {
	return f.files.ReadFile(ctx, d)
}

func (f fake) ReadFolder(context.Context, merkle.Digest) ([]merkle.Entry, error) {
	return f.entries, nil
}

func TestCopyFromPlainSource(t *testing.T) {
	src, dst := memory(t, Config{}), memory(t, Config{})
	f := putFile(t, src, bytesOf(1, merkle.ChunkSize+1))
	f.Name = "a"
	entries := []merkle.Entry{f}
	_, err := Copy(t.Context(), dst, fake{src, entries}, merkle.FolderDigest(entries), merkle.Folder)
	must(t, err)
	must(t, dst.Check(t.Context(), merkle.FolderDigest(entries)))
}

func TestCopyLimits(t *testing.T) {
	src := memory(t, Config{})
	e := putFile(t, src, make([]byte, 1000))
	for range 5 {
		e = putFolder(t, src, e, e)
	}
	for name, cfg := range map[string]Config{
		"depth": {DepthMax: 4}, "names": {TreeEntriesMax: 61}, "distinct": {TreeEntriesMax: 3},
		"bytes": {TreeBytesMax: 31999}, "file": {FileBytesMax: 999},
	} {
		_, err := Copy(t.Context(), memory(t, cfg), src, e.Digest, merkle.Folder)
		if assay.CodeOf(err) != CodeTooLarge {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := Copy(t.Context(), memory(t, Config{DepthMax: 5, TreeEntriesMax: 62, TreeBytesMax: 32000, FileBytesMax: 1000}), src, e.Digest, merkle.Folder)
	must(t, err)
}

func TestCopyHeals(t *testing.T) {
	src := memory(t, Config{})
	dst, dir := onDisk(t, Config{})
	b := bytesOf(1, 2*merkle.ChunkSize)
	root := putFolder(t, src, putFile(t, src, b))
	_, err := Copy(t.Context(), dst, src, root.Digest, AnyKind)
	must(t, err)
	must(t, flip(chunkFile(dir, chunkRoot(b[:merkle.ChunkSize])), 0))
	must(t, flip(filepath.Join(dir, recordKey(root.Digest)), 9))
	_, err = Copy(t.Context(), dst, src, root.Digest, AnyKind)
	must(t, err)
	must(t, dst.Check(t.Context(), root.Digest))
}

// TestStalledServer never answers; the client must not wait for ever.
func TestStalledServer(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-release }))
	defer srv.Close()
	defer close(release)
	c, err := NewClient(ClientConfig{Base: srv.URL, Stall: 5 * time.Millisecond, Attempts: 2})
	must(t, err)
	_, err = c.ReadFile(t.Context(), merkle.FileOf(nil))
	wantCode(t, err, CodeUnavailable)
}

func TestClientConfig(t *testing.T) {
	for _, base := range []string{"", "ftp://x", "http://", "x", "http://h/?q", "http://h/#f", "http://%zz"} {
		_, err := NewClient(ClientConfig{Base: base})
		wantCode(t, err, CodeConfig)
	}
	_, err := NewClient(ClientConfig{Base: "http://h", Attempts: -1})
	wantCode(t, err, CodeConfig)
}

func FuzzTree(f *testing.F) {
	f.Add(Tree{Kind: merkle.File}.Encode())
	f.Add(Tree{Kind: merkle.File, Size: 1, Chunks: make([]merkle.Digest, 1)}.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		var tree Tree
		if canon.Unmarshal(b, &tree) != nil {
			return
		}
		if !bytes.Equal(tree.Encode(), b) {
			t.Error("accepted, but encodes differently")
		}
		_ = tree.Verify(merkle.FileDigest(tree.Size, merkle.ChunksRoot(tree.Chunks)))
	})
}

// TestCopyFile: a file that is larger than its poster says is refused before a
// byte of it is fetched, and a smaller one taken.
func TestCopyFile(t *testing.T) {
	src, dst := memory(t, Config{}), memory(t, Config{})
	e := putFile(t, src, bytesOf(1, 1000))
	for _, from := range []Source{src, fake{src, nil}} {
		wantCode(t, CopyFile(t.Context(), dst, from, e.Digest, 999), CodeTooLarge)
		if _, err := dst.Stat(t.Context(), e.Digest); err == nil {
			t.Fatal("it is in the store")
		}
	}
	must(t, CopyFile(t.Context(), dst, src, e.Digest, 1000))
	must(t, dst.Check(t.Context(), e.Digest))
}
