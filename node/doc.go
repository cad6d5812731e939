// Package node wires the real parts together: actors to a network, a network to
// CometBFT or to a URL, stores to one another.
//
// It owns goroutines, files, ports and their end; who decides what is the
// actors' business (packages requester and provider), what is right the
// ledger's. Whatever runs here stops with its context and leaves nothing
// behind: no process, port, lock or temporary folder.
//
// It refuses to trust what it fetched: blobs are verified by digest, answers of
// a remote network by the receipt.
package node
