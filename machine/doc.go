// Package machine owns the committed storage of the canonical machine: regions
// of bytes, each under a hash tree of fixed depth, and proofs of a few leaves
// of them.
//
// A region is as large as its tree; bytes that nobody wrote are zeros, and a
// subtree of zeros costs nothing, neither in memory nor in a proof. Leaves are
// 1 KiB and nodes are those of package merkle.
//
// There are two trees. [Tree] keeps hashes alone and is what an engine with
// flat arrays updates leaf by leaf. [Sparse] keeps bytes too: started from
// zeros it is a plain store, started from a proof it knows some leaves and for
// all others has a hash, with which it still computes the root after writes.
//
// It refuses proofs that are malformed, that open what nobody looked at, or
// that spell zeros in more than one way: for one execution there is one proof.
// It knows nothing of instructions.
package machine
