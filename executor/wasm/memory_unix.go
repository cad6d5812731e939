//go:build unix

package wasm

import (
	"fmt"
	"syscall"
)

// reserve returns n zero bytes that take no memory until they are written. A
// host that cannot reserve them must not run the program, hence the panic: an
// answer of -1 to the guest would be a result of this host alone.
func reserve(n uint64) []byte {
	if n == 0 {
		return []byte{}
	}
	b, err := syscall.Mmap(-1, 0, int(n), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(fmt.Errorf("reserve %d bytes of guest memory: %w", n, err))
	}
	return b
}

func unreserve(b []byte) {
	if len(b) == 0 {
		return
	}
	if err := syscall.Munmap(b); err != nil {
		panic(fmt.Errorf("release %d bytes of guest memory: %w", len(b), err))
	}
}
