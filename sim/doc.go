// Package sim owns the simulated world that tests the protocol: one goroutine,
// one heap of events, one seed. Ledger, board, provider, requester, attester
// and adversaries are the real ones; network, disks, clocks, blobs, consensus
// and (in most seeds) the executor are pretended.
//
// A seed draws which faults are on and how strong they are, runs a network of
// providers under them, heals the network, and lets it come to an end. Checkers
// stand beside the system: they know who is honest and what the right answers
// are, keep books of their own, and say what they find. Each is shown by a test
// to fire when its assumption is broken.
//
// It refuses to be random: a seed gives the same run, to the last byte, on
// every machine. `go test ./sim -run TestSeeds -seed=N -v` replays one.
package sim
