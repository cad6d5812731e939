// Package canon owns the one canonical byte encoding of assay and its
// domain-separated hash.
//
// Everything that is hashed, signed or kept on the ledger is CBOR in core
// deterministic encoding (RFC 8949 §4.2). Decoding is strict: [Unmarshal]
// refuses whatever [Marshal] would not have printed (unsorted or duplicate map
// keys, long-form integers, indefinite lengths, tags, unknown fields, trailing
// bytes), so that two different byte strings never mean the same value.
//
// It refuses floats, and nesting or lengths beyond the limits below; they are
// checked while reading, before memory is reserved for what a prefix promises.
package canon

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Limits of a decoded value. A value that needs more is not ours.
const (
	// MaxBytes bounds the encoded size that Unmarshal accepts, in bytes.
	MaxBytes = 16 << 20
	// MaxDepth bounds nesting of arrays and maps.
	MaxDepth = 16
	// MaxElements bounds the length of one array or map.
	MaxElements = 131072
)

// ErrNotCanonical is wrapped by every refusal of Unmarshal.
var ErrNotCanonical = errors.New("not canonical")

var (
	encMode = mustEnc()
	decMode = mustDec()
)

func mustEnc() cbor.EncMode {
	o := cbor.CoreDetEncOptions()
	o.TagsMd = cbor.TagsForbidden
	o.NaNConvert = cbor.NaNConvertReject
	o.InfConvert = cbor.InfConvertReject
	o.TimeTag = cbor.EncTagNone
	o.NilContainers = cbor.NilContainerAsEmpty
	m, err := o.EncMode()
	if err != nil {
		panic("canon: encoding options: " + err.Error())
	}
	return m
}

func mustDec() cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		UTF8:              cbor.UTF8RejectInvalid,
		IntDec:            cbor.IntDecConvertNone,
		MaxNestedLevels:   MaxDepth,
		MaxArrayElements:  MaxElements,
		MaxMapPairs:       MaxElements,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
	}.DecMode()
	if err != nil {
		panic("canon: decoding options: " + err.Error())
	}
	return m
}

// Marshal returns the canonical bytes of v. A value of ours that cannot be
// encoded is a programming error, hence the panic; foreign values never reach
// it, because they come from Unmarshal.
func Marshal(v any) []byte {
	b, err := encMode.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("canon: encode %T: %v", v, err))
	}
	return b
}

// Unmarshal decodes canonical bytes into v, a pointer. Its errors wrap
// ErrNotCanonical; v is undefined after an error.
func Unmarshal(b []byte, v any) error {
	if len(b) > MaxBytes {
		return fmt.Errorf("decode %T: %d bytes exceed %d: %w", v, len(b), MaxBytes, ErrNotCanonical)
	}
	if err := decMode.Unmarshal(b, v); err != nil {
		return fmt.Errorf("decode %T: %w: %w", v, ErrNotCanonical, err)
	}
	// The decoder accepts a few spellings that the encoder never prints (long
	// integers, short byte strings for fixed arrays). Comparing is the only
	// complete check, and it costs one encoding.
	again, err := encMode.Marshal(v)
	if err != nil {
		return fmt.Errorf("re-encode %T: %w: %w", v, ErrNotCanonical, err)
	}
	if !bytes.Equal(b, again) {
		return fmt.Errorf("decode %T: %w: bytes differ from their canonical form", v, ErrNotCanonical)
	}
	return nil
}
