//go:build !unix

package circom

import (
	"testing"
	"time"
)

// cpu is wall time where the system is not asked.
func cpu(b testing.TB, f func() error) time.Duration {
	b.Helper()
	from := time.Now()
	if err := f(); err != nil {
		b.Fatal(err)
	}
	return time.Since(from)
}
