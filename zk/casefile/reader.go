package casefile

import (
	"encoding/hex"
	"encoding/json"
	"math/big"
	"strings"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/zk/bn254"
)

// reader takes fields out of a JSON object and keeps the first error.
type reader struct {
	fields map[string]any
	err    error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) has(name string) bool { _, ok := r.fields[name]; return ok }

// hex returns the bytes of a 0x string; missing is an error.
func (r *reader) hex(name string) []byte {
	b, err := parseHex(r.fields[name])
	if err != nil {
		r.fail(assay.Refuse(CodeUnusable, "%s: %v", name, err))
	}
	return b
}

// word returns 32 bytes.
func (r *reader) word(name string) (w [32]byte) {
	b := r.hex(name)
	if r.err == nil && len(b) != 32 {
		r.fail(assay.Refuse(CodeForm, "%s has %d bytes, not 32", name, len(b)))
	}
	copy(w[:], b)
	return w
}

func (r *reader) object(name string) *reader {
	m, ok := r.fields[name].(map[string]any)
	if !ok {
		r.fail(assay.Refuse(CodeUnusable, "%s is no object", name))
	}
	return &reader{fields: m, err: r.err}
}

func (r *reader) list(name string) []any {
	l, ok := r.fields[name].([]any)
	if !ok {
		r.fail(assay.Refuse(CodeUnusable, "%s is no list", name))
	}
	return l
}

func parseHex(v any) ([]byte, error) {
	s, ok := v.(string)
	if !ok {
		return nil, errMissing
	}
	digits, ok := strings.CutPrefix(s, "0x")
	if !ok {
		return nil, errHex
	}
	b, err := hex.DecodeString(digits)
	if err != nil {
		return nil, errHex
	}
	return b, nil
}

type formError string

func (e formError) Error() string { return string(e) }

const (
	errMissing formError = "missing, or no text"
	errHex     formError = "no hex digits behind 0x"
)

// decimal returns the 32 bytes of a decimal string.
func decimal(name string, v any) ([]byte, error) {
	s, ok := v.(string)
	if !ok {
		return nil, assay.Refuse(CodeForm, "%s is no decimal string", name)
	}
	b, err := bn254.Decimal(s)
	return b[:], err
}

// number returns an integer written as a JSON number, in decimal or as 0x hex.
func number(v any) (*big.Int, bool) {
	text := ""
	switch v := v.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = v
	}
	if len(text) == 0 || len(text) > 80 {
		return nil, false
	}
	if digits, ok := strings.CutPrefix(text, "0x"); ok {
		return new(big.Int).SetString(digits, 16)
	}
	return new(big.Int).SetString(text, 10)
}

// count returns a number of at most 64 bits.
func (r *reader) count(name string) uint64 {
	n, ok := number(r.fields[name])
	if !ok || !n.IsUint64() {
		r.fail(assay.Refuse(CodeUnusable, "%s is no number of 64 bits", name))
		return 0
	}
	return n.Uint64()
}

// scalar returns the 32 bytes of a decimal field.
func (r *reader) scalar(name string) []byte {
	if !r.has(name) {
		r.fail(assay.Refuse(CodeUnusable, "%s is missing", name))
		return nil
	}
	b, err := decimal(name, r.fields[name])
	if err != nil {
		r.fail(err)
	}
	return b
}

// scalars returns the elements of a list of decimals, one after another.
func (r *reader) scalars(name string) []byte {
	var all []byte
	for _, v := range r.list(name) {
		b, err := decimal(name, v)
		if err != nil {
			r.fail(err)
			return nil
		}
		all = append(all, b...)
	}
	return all
}

// points says how many coordinates a system writes: two, or also a third one
// that must be exactly one.
type points struct{ third bool }

func (p points) g1(name string, v any) ([]byte, error) {
	l, ok := v.([]any)
	if !ok {
		return nil, assay.Refuse(CodeUnusable, "%s is no point", name)
	}
	if l, ok = p.strip(l, "1"); !ok {
		return nil, assay.Refuse(CodeForm, "%s has the wrong number of coordinates, or a third one that is not 1", name)
	}
	return joined(name, l)
}

func joined(name string, l []any) ([]byte, error) {
	var all []byte
	for _, v := range l {
		b, err := decimal(name, v)
		if err != nil {
			return nil, err
		}
		all = append(all, b...)
	}
	return all, nil
}

// g2 reads [[x.real, x.imag], [y.real, y.imag]] and returns the EVM's order.
func (p points) g2(name string, v any) ([]byte, error) {
	l, ok := v.([]any)
	if !ok {
		return nil, assay.Refuse(CodeUnusable, "%s is no point", name)
	}
	if l, ok = p.strip(l, "1", "0"); !ok {
		return nil, assay.Refuse(CodeForm, "%s has the wrong number of coordinates, or a third one that is not [1, 0]", name)
	}
	var all []byte
	for _, v := range l {
		pair, ok := v.([]any)
		if !ok || len(pair) != 2 {
			return nil, assay.Refuse(CodeForm, "%s: a coordinate is no pair", name)
		}
		b, err := joined(name, []any{pair[1], pair[0]})
		if err != nil {
			return nil, err
		}
		all = append(all, b...)
	}
	return all, nil
}

// strip checks the number of coordinates and takes the third one off.
func (p points) strip(l []any, one ...string) ([]any, bool) {
	if !p.third {
		return l, len(l) == 2
	}
	if len(l) != 3 {
		return nil, false
	}
	if len(one) == 1 {
		return l[:2], l[2] == one[0]
	}
	z, ok := l[2].([]any)
	return l[:2], ok && len(z) == 2 && z[0] == one[0] && z[1] == one[1]
}

func (r *reader) g1(p points, name string) []byte {
	b, err := p.g1(name, r.fields[name])
	if err != nil {
		r.fail(err)
	}
	return b
}

func (r *reader) g2(p points, name string) []byte {
	b, err := p.g2(name, r.fields[name])
	if err != nil {
		r.fail(err)
	}
	return b
}

func (r *reader) g1s(p points, name string) [][]byte {
	var all [][]byte
	for _, v := range r.list(name) {
		b, err := p.g1(name, v)
		if err != nil {
			r.fail(err)
			return nil
		}
		all = append(all, b)
	}
	return all
}
