package receipt

import "encoding/binary"

// protoBytes is a protobuf message being written, in the one form that
// CometBFT hashes and signs: fields in order of number, zero values left out.
// There is no reader here, so foreign protobuf never meets a parser.
type protoBytes []byte

const (
	wireVarint = 0
	wireFixed  = 1
	wireBytes  = 2
)

func (b *protoBytes) tag(field, wire int) {
	*b = binary.AppendUvarint(*b, uint64(field<<3|wire))
}

func (b *protoBytes) uint(field int, v uint64) {
	if v != 0 {
		b.tag(field, wireVarint)
		*b = binary.AppendUvarint(*b, v)
	}
}

// fixed writes an sfixed64.
func (b *protoBytes) fixed(field int, v uint64) {
	if v != 0 {
		b.tag(field, wireFixed)
		*b = binary.LittleEndian.AppendUint64(*b, v)
	}
}

func (b *protoBytes) bytes(field int, v []byte) {
	if len(v) != 0 {
		b.message(field, v)
	}
}

// message writes an embedded message, also when it is empty.
func (b *protoBytes) message(field int, v []byte) {
	b.tag(field, wireBytes)
	*b = binary.AppendUvarint(*b, uint64(len(v)))
	*b = append(*b, v...)
}

// time writes the fields of a Timestamp. Negative seconds are two's complement.
func (b *protoBytes) time(seconds int64, nanos uint32) {
	b.uint(1, uint64(seconds))
	b.uint(2, uint64(nanos))
}

// blockRef writes the fields of a BlockID.
func (b *protoBytes) blockRef(r BlockRef) {
	var parts protoBytes
	parts.uint(1, uint64(r.Parts))
	parts.bytes(2, r.PartsHash[:])
	b.bytes(1, r.Hash[:])
	b.message(2, parts)
}

// wrapBytes and wrapUint encode a header field as CometBFT does: as field 1 of
// a message of its own.
func wrapBytes(v []byte) []byte {
	var b protoBytes
	b.bytes(1, v)
	return b
}

func wrapUint(v uint64) []byte {
	var b protoBytes
	b.uint(1, v)
	return b
}

// delimited precedes a message by its length.
func delimited(b []byte) []byte {
	return append(binary.AppendUvarint(nil, uint64(len(b))), b...)
}
