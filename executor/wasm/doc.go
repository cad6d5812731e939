// Package wasm executes jobs of the runtime wasm/1 at near-native speed:
// machine/wasm decides what is legal and rewrites it so that fuel, depth,
// growth and NaNs are counted the same everywhere, wazero compiles and runs the
// rewriting, machine/wasi answers its calls, and this package reads the result
// off the instance that remains.
//
// It owns the mapping from ends to results: exit codes, trap codes, fuel used,
// the output root and the state root. A result is returned only if every
// correct engine would return it. A host that is out of memory or of native
// stack, a cancelled context, missing input, and a module that our validator
// accepts and wazero refuses are errors.
//
// Between the epochs of an epoch program it computes the record of the canonical
// machine natively (ExecuteEpochs), writes checkpoints, and goes on from them
// (Resume). It refuses a checkpoint unless what was restored has the root that
// its record states.
package wasm
