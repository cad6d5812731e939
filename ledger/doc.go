// Package ledger owns the state: who has what, which cases are open, and how a
// block changes both. It applies transactions in order, gives beacons and
// deadlines to the cases of package board, moves the money that a record
// commands, and keeps the books.
//
// It refuses: a transaction that is not paid for, not signed, expired or seen
// before; a message whose signer has no say in it; a payment without a record.
// Whatever a transaction contains, the node goes on: it is applied on a branch,
// and a refusal or a panic discards the branch and costs the fee. Apply returns
// an error only when an invariant of the block itself is broken.
//
// Like all rules it reads no clock, no randomness and no file: time and beacon
// are in the block. Everything that it remembers is in the [Store]; what it
// keeps in memory is a cache, and a new Ledger over the same store goes on
// exactly as the old one would have.
//
// A Ledger is used by one goroutine at a time. Readers that run beside Apply
// take a Ledger of their own over a snapshot of the store.
package ledger
