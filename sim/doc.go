// Package sim owns the simulated world that tests the protocol: one goroutine,
// one heap of events, one seed. Ledger, board, referee, provider, requester,
// attester, challenger and adversaries are the real ones; network, disks, clocks,
// blobs and consensus are pretended. Jobs are small wasm programs: providers
// execute them natively, disputes about them are played on the canonical machine,
// and the ledger decides them by its own referee. What was computed once is kept,
// so that a world costs milliseconds.
//
// Some programs have epochs. Their runs take simulated time, boundary after
// boundary; providers die between two of them, validators keep the checkpoints,
// and whoever takes a dead one's seat goes on from these. Poisoners post states
// that never were. The engine knows the true one of every boundary, so checkers
// can say who was misled without asking the ledger.
//
// A seed draws which faults are on and how strong they are, who cheats and who
// watches, runs a network of providers under them, heals the network, and lets it
// come to an end. Checkers stand beside the system: they know who is honest and
// what the right answers are, keep books of their own, and say what they find.
// Each is shown by a test to fire when its assumption, or a rule, is broken.
//
// It refuses to be random: a seed gives the same run, to the last byte, on
// every machine. `go test ./sim -run TestSeeds -seed=N -v` replays one, and
// TestEpochSeeds one of those with epochs; `-all` runs everything over as many
// seeds as it is meant for.
package sim
