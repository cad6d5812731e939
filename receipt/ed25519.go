package receipt

import (
	"crypto/ed25519"
	"slices"

	"github.com/capacloud/assay"
)

// verifyStrict checks an Ed25519 signature so that each (key, message) that a
// signer has signed admits exactly the bytes that it wrote: RFC 8032 §5.1.7
// without cofactor, which package ed25519 implements (it refuses s ≥ L and
// compares R by its bytes), and in addition the keys that it lets through: a y
// coordinate in a second spelling, and points of small order, for which a
// signature holds under any message.
//
// CometBFT votes under the laxer rule of ZIP 215. An honest signer satisfies
// both; a validator that signs so that only ZIP 215 accepts keeps its vote out
// of receipts and gains nothing else.
func verifyStrict(key assay.Key, message []byte, sig Signature) bool {
	return strictKey(key) && ed25519.Verify(key[:], message, sig[:])
}

// strictKey reports whether the key's y coordinate is below 2^255−19 and the
// point is not of small order. That it is on the curve is left to Verify.
func strictKey(key assay.Key) bool {
	key[31] &= 0x7f // the sign of x
	if key[31] == 0x7f && key[0] >= 0xed && !slices.ContainsFunc(key[1:31], func(b byte) bool { return b != 0xff }) {
		return false
	}
	return !slices.Contains(smallOrder, key)
}

// smallOrder holds the y coordinates of the eight points whose order divides
// the cofactor, without signs: 0, 1, −1 and the two of order eight.
var smallOrder = []assay.Key{
	{},
	{1},
	{0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
	{0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
	{0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
}
