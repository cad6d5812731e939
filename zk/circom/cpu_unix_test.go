//go:build unix

package circom

import (
	"syscall"
	"testing"
	"time"
)

// cpu returns the processor time that f takes, of all threads.
func cpu(b testing.TB, f func() error) time.Duration {
	b.Helper()
	from := used(b)
	if err := f(); err != nil {
		b.Fatal(err)
	}
	return used(b) - from
}

func used(b testing.TB) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
