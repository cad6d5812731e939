//go:build !amd64 || purego

package kernel

import "testing"

// each runs a test at every level that this machine has.
func each(t *testing.T, do func(t *testing.T)) { t.Run(Features(), do) }
