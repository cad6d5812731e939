package comet

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// memoryWAL is where a node without a home writes its consensus log, which
// CometBFT insists on having as a file it can open by name. The file has a name
// only under /proc, and is gone with the process.
type memoryWAL struct{ file *os.File }

func newMemoryWAL() (*memoryWAL, error) {
	fd, err := unix.MemfdCreate("assay-wal", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make consensus log in memory: %w", err)
	}
	return &memoryWAL{os.NewFile(uintptr(fd), "assay-wal")}, nil
}

func (w *memoryWAL) path() string { return fmt.Sprintf("/proc/self/fd/%d", w.file.Fd()) }

// trim forgets what is of no use: the log is read at a start, and there is none
// after the process. CometBFT would rotate the file at 10 MiB, and cannot.
func (w *memoryWAL) trim() {
	const limit = 1 << 20
	if info, err := w.file.Stat(); err == nil && info.Size() > limit {
		_ = w.file.Truncate(0) // the log appends, wherever the end is
	}
}

func (w *memoryWAL) close() error { return w.file.Close() }
