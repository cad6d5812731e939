package circuit

import (
	"math"
	"os"
	"strconv"
	"strings"
)

// free returns the bytes that the kernel can give without swapping, within the
// limits of the control group. What cannot be read does not limit.
func free() uint64 {
	n := uint64(math.MaxUint64)
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		if _, rest, ok := strings.Cut(string(b), "MemAvailable:"); ok {
			if f := strings.Fields(rest); len(f) > 0 {
				if kib, err := strconv.ParseUint(f[0], 10, 50); err == nil {
					n = kib << 10
				}
			}
		}
	}
	limit, ok1 := number("/sys/fs/cgroup/memory.max")
	used, ok2 := number("/sys/fs/cgroup/memory.current")
	if ok1 && ok2 {
		n = min(n, limit-min(limit, used))
	}
	return n
}

func number(file string) (uint64, bool) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	return n, err == nil // "max" is no number
}
