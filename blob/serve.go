package blob

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// Media types of what is served.
const (
	fileType   = "application/octet-stream"
	folderType = "application/vnd.assay.folder+cbor"
	treeType   = "application/vnd.assay.tree+cbor"
)

// HandlerConfig says what a handler allows. Its zero value only reads.
type HandlerConfig struct {
	// Upload allows PUT. Whoever may reach the handler may then fill the disk
	// up to what Collect leaves: authenticate in front of it.
	Upload bool
	// UploadBytesMax bounds one uploaded file; 0 means the store's limit.
	UploadBytesMax uint64
}

// Handler serves the store:
//
//	GET, HEAD /blob/{digest}       a file's bytes, with ranges; a folder's listing
//	GET, HEAD /blob/{digest}/tree  kind, size and chunk roots (Tree)
//	GET       /blob/{digest}/list  a folder's listing as JSON, for people
//	PUT       /blob/{digest}       a file, or a listing by its media type
//
// A digest never changes its meaning, so answers are cached for ever. Bytes
// are verified before they leave; where the disk fails half-way the connection
// is cut, so that the receiver sees a short body and no wrong byte. Refusals
// are JSON with the code.
func (s *Store) Handler(cfg HandlerConfig) http.Handler {
	h := handler{s: s, uploadMax: s.cfg.FileBytesMax}
	if cfg.UploadBytesMax > 0 {
		h.uploadMax = min(h.uploadMax, cfg.UploadBytesMax)
	}
	mux := http.NewServeMux()
	route := func(pattern string, f func(http.ResponseWriter, *http.Request, merkle.Digest) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			d, err := canon.ParseDigest(r.PathValue("digest"))
			if err != nil {
				err = fmt.Errorf("%w: %w", ErrNotFound, err)
			} else {
				err = f(w, r, d)
			}
			if err != nil {
				refuse(w, r, err)
			}
		})
	}
	route("GET /blob/{digest}", h.get)
	route("GET /blob/{digest}/tree", h.tree)
	route("GET /blob/{digest}/list", h.list)
	if cfg.Upload {
		route("PUT /blob/{digest}", h.put)
	}
	return mux
}

type handler struct {
	s         *Store
	uploadMax uint64
}

func (h handler) get(w http.ResponseWriter, r *http.Request, d merkle.Digest) error {
	rec, err := h.s.record(r.Context(), d)
	if err != nil {
		return err
	}
	if rec.Kind == merkle.Folder {
		immutable(w, d.String(), folderType)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(merkle.EncodeEntries(rec.Entries)))
		return nil
	}
	f := h.s.fileOf(r.Context(), d, rec)
	defer f.Close()
	immutable(w, d.String(), fileType)
	http.ServeContent(w, r, "", time.Time{}, f)
	return nil
}

func (h handler) tree(w http.ResponseWriter, r *http.Request, d merkle.Digest) error {
	rec, err := h.s.record(r.Context(), d)
	if err != nil {
		return err
	}
	immutable(w, d.String()+"/tree", treeType)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(rec.tree().Encode()))
	return nil
}

func (h handler) list(w http.ResponseWriter, r *http.Request, d merkle.Digest) error {
	entries, err := h.s.ReadFolder(r.Context(), d)
	if err != nil {
		return err
	}
	type row struct {
		Name   string        `json:"name"`
		Kind   string        `json:"kind"`
		Digest merkle.Digest `json:"digest"`
		Size   uint64        `json:"size,string"`
	}
	rows := make([]row, len(entries))
	for i, e := range entries {
		rows[i] = row{e.Name, kindName(e.Kind), e.Digest, e.Size}
	}
	b, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	immutable(w, d.String()+"/list", "application/json")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
	return nil
}

func kindName(k merkle.Kind) string {
	if k == merkle.Folder {
		return "folder"
	}
	return "file"
}

// immutable sets the headers of an answer that never changes. The bytes are a
// stranger's: no browser may take them for a page of this host.
func immutable(w http.ResponseWriter, tag, mediaType string) {
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("ETag", `"`+tag+`"`)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
}

// put verifies as it stores: a body that does not hash to the digest in the
// path leaves nothing behind.
func (h handler) put(w http.ResponseWriter, r *http.Request, d merkle.Digest) error {
	if r.ContentLength > 0 && uint64(r.ContentLength) > h.uploadMax {
		return fmt.Errorf("body of %d bytes exceeds %d: %w", r.ContentLength, h.uploadMax, ErrTooLarge)
	}
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	var err error
	if mediaType == folderType {
		err = h.putListing(r, d)
	} else {
		_, _, err = h.s.putFile(r.Context(), requestBody{r.Body}, &d, h.uploadMax)
	}
	if err == nil {
		w.WriteHeader(http.StatusCreated)
	}
	return err
}

func (h handler) putListing(r *http.Request, d merkle.Digest) error {
	b, err := readLimited(requestBody{r.Body}, canon.MaxBytes)
	if err != nil {
		return err
	}
	entries, err := merkle.DecodeEntries(b)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if err := verifyListing(d, entries); err != nil {
		return err
	}
	_, err = h.s.PutFolder(r.Context(), entries)
	return err
}

// requestBody marks a body that breaks off as the sender's fault.
type requestBody struct{ r io.Reader }

func (b requestBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("read body: %w: %w", ErrUnavailable, err)
	}
	return n, err
}

// readLimited reads all of r, at most limit bytes.
func readLimited(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("more than %d bytes: %w", limit, ErrTooLarge)
	}
	return b, nil
}

// statusOf maps codes to HTTP; what is not listed is our fault.
var statusOf = map[assay.Code]int{
	CodeNotFound:    http.StatusNotFound,
	CodeKind:        http.StatusNotFound,
	CodeTooLarge:    http.StatusRequestEntityTooLarge,
	CodeIncomplete:  http.StatusConflict,
	CodeName:        http.StatusUnprocessableEntity,
	CodeUnavailable: http.StatusBadRequest,
}

// refusal is the body of a refusal.
type refusal struct {
	Code   assay.Code `json:"code"`
	Detail string     `json:"detail,omitempty"`
}

func refuse(w http.ResponseWriter, r *http.Request, err error) {
	code := assay.CodeOf(err)
	status, ok := statusOf[code]
	if code == CodeCorrupt && r.Method == http.MethodPut {
		status, ok = http.StatusUnprocessableEntity, true // the sender's bytes, not our disk
	}
	body := refusal{Code: code, Detail: err.Error()}
	if !ok {
		// Paths of this machine are nobody's business.
		status, body.Detail = http.StatusInternalServerError, ""
	}
	b, _ := json.Marshal(body) // two strings
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b) // the peer may be gone; there is nobody else to tell
}
