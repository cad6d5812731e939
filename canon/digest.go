package canon

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
)

// Digest is a SHA-256 value. Its text form is "sha256:" and 64 lower-case hex
// digits; ParseDigest accepts nothing else.
type Digest [sha256.Size]byte

const digestPrefix = "sha256:"

// ErrDigest is wrapped by every refusal of ParseDigest.
var ErrDigest = errors.New("malformed digest")

// Hash returns H(tag, parts…): SHA-256 over the tag and every part, each
// preceded by its length as eight little-endian bytes. The lengths make the
// encoding injective, the tag keeps two uses of one value apart.
func Hash(tag string, parts ...[]byte) Digest {
	h := sha256.New()
	writePart(h, []byte(tag))
	for _, p := range parts {
		writePart(h, p)
	}
	var d Digest
	h.Sum(d[:0])
	return d
}

// HashValue returns H(tag, Marshal(v)).
func HashValue(tag string, v any) Digest { return Hash(tag, Marshal(v)) }

func writePart(h hash.Hash, p []byte) {
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], uint64(len(p)))
	h.Write(n[:])
	h.Write(p)
}

// IsZero reports whether d is the zero digest, which stands for "none".
func (d Digest) IsZero() bool { return d == Digest{} }

// String returns the text form.
func (d Digest) String() string { return digestPrefix + hex.EncodeToString(d[:]) }

// Short returns the first eight hex digits, for lines that people read. It
// never decides anything.
func (d Digest) Short() string { return hex.EncodeToString(d[:4]) }

// MarshalText implements encoding.TextMarshaler, for JSON views.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Digest) UnmarshalText(b []byte) error {
	v, err := ParseDigest(string(b))
	if err == nil {
		*d = v
	}
	return err
}

// ParseDigest parses the text form. It refuses another algorithm, upper case,
// and any other length. Its errors wrap ErrDigest.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	digits, ok := strings.CutPrefix(s, digestPrefix)
	if !ok || len(digits) != 2*len(d) || strings.ToLower(digits) != digits {
		return Digest{}, fmt.Errorf("%q: %w: want sha256: and 64 lower-case hex digits", s, ErrDigest)
	}
	if _, err := hex.Decode(d[:], []byte(digits)); err != nil {
		return Digest{}, fmt.Errorf("%q: %w: %w", s, ErrDigest, err)
	}
	return d, nil
}
