//go:build !linux

package comet

import (
	"fmt"
	"os"
	"path/filepath"
)

// memoryWAL is where a node without a home writes its consensus log: elsewhere
// than on Linux a temporary directory, removed when the node stops.
type memoryWAL struct{ dir string }

func newMemoryWAL() (*memoryWAL, error) {
	dir, err := os.MkdirTemp("", "assay-wal-")
	if err != nil {
		return nil, fmt.Errorf("make consensus log: %w", err)
	}
	return &memoryWAL{dir}, nil
}

func (w *memoryWAL) path() string { return filepath.Join(w.dir, "wal") }
func (w *memoryWAL) trim()        {} // CometBFT rotates it
func (w *memoryWAL) close() error { return os.RemoveAll(w.dir) }
