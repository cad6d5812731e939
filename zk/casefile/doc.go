// Package casefile owns the JSON in which proofs of other systems travel as
// data: one statement with its key and proof per file, what must become of it,
// and changes that must have it refused; and a manifest that lists such files.
//
// Whatever a file holds that can be derived from the rest is derived, compared
// and never used. It refuses a file that lacks a part of its system, and whose
// derived data, version or selector contradict the rest. Fields that it does not
// know it ignores.
//
// LIMITATIONS. The key of a case comes from its file: that a case is valid says
// that the proof holds under that key, whose digest is reported. Compare it with
// the one you pinned.
package casefile

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/zk"
)

// Limits of a file, in bytes and in levels.
const (
	MaxFile  = 8 << 20
	maxDepth = 16
)

// Codes of this package.
const (
	CodeUnusable assay.Code = "zk-case-unusable"
	CodeDerived  assay.Code = "zk-case-derived"
	CodeRelease  assay.Code = "zk-case-release"
	CodeForm     assay.Code = "zk-case-form"
)

// Codes documents the codes of this package.
func Codes() []assay.CodeInfo {
	r := func(c assay.Code, text, hint string) assay.CodeInfo {
		return assay.CodeInfo{Code: c, Kind: assay.KindRefusal, Text: text, Hint: hint}
	}
	return []assay.CodeInfo{
		r(CodeUnusable, "the file is no case or manifest of proofs, or lacks what its system needs", "see docs/ZK.md for the fields of each system"),
		r(CodeDerived, "a field that can be computed from the rest says something else", "the text names it; the file was put together wrongly or tampered with"),
		r(CodeRelease, "the key or its selector belongs to another release than the file names", "check the version, and pin the key of that release"),
		r(CodeForm, "a field of the proof or key has a form that its system does not write", "the text names it"),
	}
}

// Outcome is what becomes of a case.
type Outcome string

// The outcomes. A file without a proof whose key is sound is KeyOnly.
const (
	Valid    Outcome = "valid"
	Invalid  Outcome = "invalid"
	KeyOnly  Outcome = "key-only"
	Unusable Outcome = "unusable"
)

// Case is one file: fields by name, as JSON decodes them, numbers as json.Number.
type Case struct {
	fields map[string]any
}

// Finding is the outcome of a case, with the key that decided.
type Finding struct {
	Outcome Outcome
	Err     error // why it is not valid
	System  string
	Release string
	Key     assay.Digest
	Loaded  *zk.Verifier
	Guest   [32]byte
	Public  []byte
	Proof   []byte
}

// decode reads one JSON value and nothing after it.
func decode(b []byte, into any) error {
	if len(b) > MaxFile {
		return assay.Refuse(CodeUnusable, "%d bytes; at most %d", len(b), MaxFile)
	}
	if err := checkDepth(b); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return assay.Refuse(CodeUnusable, "%v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return assay.Refuse(CodeUnusable, "something follows the JSON value")
	}
	return nil
}

// checkDepth bounds nesting before a decoder recurses into it.
func checkDepth(b []byte) error {
	depth, text, escaped := 0, false, false
	for _, c := range b {
		switch {
		case escaped:
			escaped = false
		case text:
			escaped, text = c == '\\', c != '"'
		case c == '"':
			text = true
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return assay.Refuse(CodeUnusable, "nested deeper than %d", maxDepth)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

// Parse reads a case.
func Parse(b []byte) (*Case, error) {
	c := new(Case)
	if err := decode(b, &c.fields); err != nil {
		return nil, err
	}
	if c.fields == nil {
		return nil, assay.Refuse(CodeUnusable, "no JSON object")
	}
	return c, nil
}

// Expect returns what the file itself says must become of it.
func (c *Case) Expect() Outcome { s, _ := c.fields["expect"].(string); return Outcome(s) }

// Name returns the name that the file gives itself.
func (c *Case) Name() string { s, _ := c.fields["name"].(string); return s }

// Judge decodes the case, recomputes what can be recomputed, and verifies.
func (c *Case) Judge() (f Finding) {
	f.System, _ = c.fields["system"].(string)
	f.Release, _ = c.fields["version"].(string)
	if err := c.judge(&f); err != nil {
		f.Err, f.Outcome = err, Invalid
		if assay.CodeOf(err) == CodeUnusable {
			f.Outcome = Unusable
		}
	}
	return f
}

func (c *Case) judge(f *Finding) error {
	r := &reader{fields: c.fields}
	if curve, ok := c.fields["curve"]; ok && curve != "bn254" {
		return assay.Refuse(CodeForm, "curve %v, want bn254", curve)
	}
	adapter := map[string]func(*reader, *Finding) error{
		"sp1-groth16": sp1Groth16, "sp1-plonk": sp1Plonk, "risc0-groth16": risc0,
		"snarkjs-groth16": snarkjs, "gnark-groth16": gnarkGroth16, "gnark-plonk": gnarkPlonk, "assay": native,
	}[f.System]
	if adapter == nil {
		return assay.Refuse(CodeUnusable, "system %.40q", f.System)
	}
	if err := adapter(r, f); err != nil {
		return err
	}
	if f.Outcome == "" {
		f.Outcome = Valid
	}
	return nil
}
