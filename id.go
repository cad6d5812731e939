package assay

import (
	"crypto/ed25519"
	"encoding/hex"
	"strings"

	"github.com/capacloud/assay/canon"
)

// Digest is a SHA-256 value, written "sha256:…".
type Digest = canon.Digest

// JobID names a job; it is the hash of the job's canonical bytes.
type JobID = canon.Digest

// NetworkID names a network; it is the hash of its genesis.
type NetworkID = canon.Digest

// Key is an Ed25519 public key. It names an account, an owner, a provider or a
// validator. Its text form is "ed25519:" and 64 lower-case hex digits.
type Key [ed25519.PublicKeySize]byte

const keyPrefix = "ed25519:"

// CodeBadKey refuses a malformed key.
const CodeBadKey Code = "bad-key"

// KeyOf returns the public key of a private one.
func KeyOf(private ed25519.PrivateKey) Key {
	return Key(private.Public().(ed25519.PublicKey))
}

// IsZero reports whether k is the zero key, which stands for "none".
func (k Key) IsZero() bool { return k == Key{} }

// String returns the text form.
func (k Key) String() string { return keyPrefix + hex.EncodeToString(k[:]) }

// Short returns the first eight hex digits, for lines that people read.
func (k Key) Short() string { return hex.EncodeToString(k[:4]) }

// MarshalText implements encoding.TextMarshaler.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *Key) UnmarshalText(b []byte) error {
	v, err := ParseKey(string(b))
	if err == nil {
		*k = v
	}
	return err
}

// ParseKey parses the text form and refuses every other spelling.
func ParseKey(s string) (Key, error) {
	var k Key
	digits, ok := strings.CutPrefix(s, keyPrefix)
	if !ok || len(digits) != 2*len(k) || strings.ToLower(digits) != digits {
		return Key{}, Refuse(CodeBadKey, "%.80q: want ed25519: and 64 lower-case hex digits", s)
	}
	if _, err := hex.Decode(k[:], []byte(digits)); err != nil {
		return Key{}, Refuse(CodeBadKey, "%.80q: %v", s, err)
	}
	return k, nil
}
