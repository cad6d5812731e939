// Package adversary owns the ways to cheat that the lab and the simulator know.
// An adversary runs the honest code with a fault in one of three places: at the
// executor, so that its result is wrong; at the trace, so that its claims in a
// dispute are; or at the wire, so that messages are missing, late or altered.
// Ledger, draw and verifier do not know who is one.
//
// It refuses to be clever outside the protocol: no adversary here breaks a hash
// or a signature.
package adversary
