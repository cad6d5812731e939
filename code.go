package assay

import (
	"errors"
	"fmt"
)

// Code is a stable, machine-readable reason in lower-case kebab form. Codes are
// never renamed; docs/CODES.md lists every one of them.
type Code string

// CodeKind groups codes by what they answer.
type CodeKind string

// The kinds of code.
const (
	KindRefusal    CodeKind = "refusal"    // a message, file or flag was not accepted
	KindTrap       CodeKind = "trap"       // how a program ended other than by exiting
	KindFault      CodeKind = "fault"      // what a provider is held to have done
	KindFinding    CodeKind = "finding"    // what a check says of a candidate
	KindAssumption CodeKind = "assumption" // what a verdict rests on beside its evidence
)

// CodeInfo documents one code: what happened, and what to do about it.
type CodeInfo struct {
	Code Code
	Kind CodeKind
	Text string
	Hint string
}

// Refusal is the error for bad input from a peer, a user or a file. It changes
// nothing beyond the fee it costs.
type Refusal struct {
	Code   Code
	Detail string
}

// Error implements error.
func (r *Refusal) Error() string {
	if r.Detail == "" {
		return string(r.Code)
	}
	return string(r.Code) + ": " + r.Detail
}

// Refuse returns a Refusal with a formatted detail.
func Refuse(code Code, format string, args ...any) error {
	return &Refusal{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// CodeInternal is the code of an error of ours: a bug, never the caller's fault.
const CodeInternal Code = "internal"

// CodeOf returns the code that err carries, or CodeInternal.
func CodeOf(err error) Code {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	return CodeInternal
}
