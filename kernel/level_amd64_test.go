//go:build !purego

package kernel

import "testing"

// each runs a test at every level that this machine has.
func each(t *testing.T, do func(t *testing.T)) {
	best := active
	defer func() { active = best }()
	for active = levelPortable; active <= best; active++ {
		t.Run(Features(), do)
	}
}
