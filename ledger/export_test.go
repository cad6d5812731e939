package ledger

import "github.com/capacloud/assay"

// WithHook plants a function before every message, for tests that need a panic.
func WithHook(o Options, hook func(assay.Message)) Options {
	o.hook = hook
	return o
}

// WithStep plants a function before every step of a case outside transactions.
func WithStep(o Options, step func(assay.JobID)) Options {
	o.step = step
	return o
}

// Forget drops the caches, as a restart would.
func (l *Ledger) Forget() { l.Reload() }
