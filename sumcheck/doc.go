// Package sumcheck owns succinct proofs about tables of integers: sumchecks over
// products of multilinear extensions, Thaler's matrix product, the LogUp lookup
// argument as a sum of fractions, and a transparent (hash-based, Ligero-type)
// commitment to int8 and int32 data. Prover and verifier live together; nothing
// here starts a goroutine, reads a clock or draws randomness.
//
// # Field and bits
//
// Values live in KoalaBear (p = 2^31 − 2^24 + 1); challenges and sums in its
// extension of degree four, which has more than 2^123 elements. Every statement
// has a Bits function: at least 100 within the limits of this package. An integer
// statement holds over the integers only where both sides stay within ±p/2: the
// product of int8 matrices does while the inner dimension is below 2^16.
//
// # Transcript
//
// A proof is one byte string, the tape. Prover.Send writes to it and absorbs what
// it wrote; Verifier.Receive reads from it and absorbs the same, so that every
// byte of a proof is in the transcript, in order, exactly once. The transcript is
// SHA-256 and starts with network, job, model and payee: a proof is of one job,
// for one payee. Fiat–Shamir rests on SHA-256 behaving like a random function, an
// assumption that findings name. Nothing here hides the witness.
//
// # Order of variables
//
// A point lists the most significant index bit first; a row-major matrix, padded
// with zeros to powers of two, has the point (row bits, column bits).
//
// It refuses, each with a code of its own: tapes that are short, long or hold a
// number that is not reduced; values that contradict a sum, a column, a path or
// a lookup; dimensions beyond the limits.
package sumcheck
