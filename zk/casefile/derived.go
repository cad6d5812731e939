package casefile

import (
	"bytes"
	"encoding/hex"
	"math/big"

	"github.com/capacloud/assay"
)

// Derived data: what a file states and could have left out. It is compared with
// what follows from the rest, and never used.

// sameHex compares a hex field, where it is there.
func (r *reader) sameHex(name string, want []byte) {
	if !r.has(name) || r.err != nil {
		return
	}
	got, err := parseHex(r.fields[name])
	if err != nil || !bytes.Equal(got, want) {
		r.fail(assay.Refuse(CodeDerived, "%s is 0x%s, the file says %.80v", name, hex.EncodeToString(want), r.fields[name]))
	}
}

// sameNumber compares a number in any spelling, where it is there.
func (r *reader) sameNumber(name string, want []byte) {
	if !r.has(name) || r.err != nil {
		return
	}
	n, ok := number(r.fields[name])
	if !ok || n.Cmp(new(big.Int).SetBytes(want)) != 0 {
		r.fail(assay.Refuse(CodeDerived, "%s is %s, the file says %.80v", name, new(big.Int).SetBytes(want), r.fields[name]))
	}
}

// sameNumbers compares a list of numbers with 32-byte elements, where it is there.
func (r *reader) sameNumbers(name string, want []byte) {
	if !r.has(name) || r.err != nil {
		return
	}
	list, ok := r.fields[name].([]any)
	ok = ok && len(list)*32 == len(want)
	for i := 0; ok && i < len(list); i++ {
		var n *big.Int
		n, ok = number(list[i])
		ok = ok && n.Cmp(new(big.Int).SetBytes(want[32*i:32*i+32])) == 0
	}
	if !ok {
		r.fail(assay.Refuse(CodeDerived, "%s are not what follows from the statement", name))
	}
}

// absent refuses a field that would make the statement conditional.
func (r *reader) absent(name string) {
	switch v := r.fields[name].(type) {
	case nil:
		return
	case []any:
		if len(v) == 0 {
			return
		}
	case string:
		if b, err := parseHex(v); err == nil && len(bytes.Trim(b, "\x00")) == 0 {
			return
		}
	}
	r.fail(assay.Refuse(CodeForm, "%s: the receipt is conditional on other receipts", name))
}
