// Package step owns the definition of the canonical machine of wasm/1: the
// record that its state is, the first state, and what one step does to it. It
// is what a ledger runs when two providers disagree, and what a faster engine
// is measured against: [Step] decodes each instruction from the code region and
// remembers nothing.
//
// It also owns the witness, which opens just as much of a state as some steps
// look at, and the referee, which runs them from the witness alone.
//
// It refuses a witness that is malformed, too large, of another state or
// program, that lacks what the steps look at or shows more. The bytes may be
// anybody's: nothing here panics on them, and time and memory are bounded by
// MaxWitness and MaxSegment. docs/WASM.md, The machine, is the text.
package step
