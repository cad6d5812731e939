package assay

import "time"

// Time is a moment of the ledger, in milliseconds since 1970-01-01 UTC.
type Time int64

// Clock is a reading of the ledger's running clock, in milliseconds: the sum of
// min(Δtime, 5 s) over its blocks. Deadlines of moves are clock readings, so a
// halted or idle chain closes no window.
type Clock int64

// Millis is a span of Time or Clock, in milliseconds.
type Millis int64

// MaxClockStep is the most that the clock gains in one block, on any network.
// See Params.ClockStep.
const MaxClockStep Millis = 5000

// Add returns the moment d later.
func (t Time) Add(d Millis) Time { return t + Time(d) }

// Add returns the reading d later.
func (c Clock) Add(d Millis) Clock { return c + Clock(d) }

// String returns RFC 3339 with milliseconds, in UTC.
func (t Time) String() string {
	return time.UnixMilli(int64(t)).UTC().Format("2006-01-02T15:04:05.000Z")
}

// Std returns d as a time.Duration, for callers outside the rules.
func (d Millis) Std() time.Duration { return time.Duration(d) * time.Millisecond }

// MillisOf rounds a time.Duration down to milliseconds.
func MillisOf(d time.Duration) Millis { return Millis(d / time.Millisecond) }
