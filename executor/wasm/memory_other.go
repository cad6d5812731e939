//go:build !unix

package wasm

// reserve returns n zero bytes. The operating system gives them page by page,
// but the Go heap counts all of them.
func reserve(n uint64) []byte { return make([]byte, n) }

func unreserve([]byte) {}
