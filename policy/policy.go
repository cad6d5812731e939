// Package policy owns the language in which a job says what convinces it: an
// expression over checks, its canonical text and hash, and the one threshold
// function that combines what checks say.
//
// It refuses, before a coin is spent, text that is longer, deeper or larger
// than its limits, siblings that repeat one another, and policies that could be
// silent (and so accept unchecked work) or could never be satisfied. It runs no
// check and knows none: a name that parses here may still be unavailable on a
// network, which package board decides.
package policy

import (
	"strconv"
	"strings"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

// Op names a node.
type Op string

// The checks and the ways to combine them.
const (
	Quorum     Op = "quorum"     // quorum(n), quorum(n, agree=k)
	Optimistic Op = "optimistic" // optimistic(window)
	ZK         Op = "zk"         // zk(system, key=…, bind=…)
	Sumcheck   Op = "sumcheck"
	Freivalds  Op = "freivalds"
	TEE        Op = "tee"      // tee(kind, ref=…, …)
	Adaptive   Op = "adaptive" // adaptive(min, max)
	None       Op = "none"
	All        Op = "all"      // all(a, b, …)
	Any        Op = "any"      // any(a, b, …)
	AtLeast    Op = "atleast"  // atleast(k, a, b, …)
	Sample     Op = "sample"   // sample(p, a)
	Escalate   Op = "escalate" // escalate(a, b)
	Cap        Op = "cap"      // cap(amount, a, b)
)

// Limits of a policy. The first two are checked before anything recurses.
const (
	MaxText   = assay.MaxPolicyText
	MaxDepth  = 8
	MaxNodes  = 64
	MaxQuorum = 64
	MaxRefs   = 16
)

// Expr is one node of a policy. Only the fields of its Op are set.
type Expr struct {
	Op     Op
	N      int            // quorum: replicas; atleast: the threshold; adaptive: the least
	Max    int            // adaptive
	Agree  int            // quorum: equal replicas that suffice; zero: all n
	Window assay.Millis   // optimistic
	System string         // zk: proof system; tee: kind of hardware
	Key    assay.Digest   // zk: verification key; zero: the job's own
	Bind   string         // zk: "job" or "commit"
	Refs   []assay.Digest // tee: reference values, ascending
	PPM    assay.PPM      // sample
	Amount assay.Amount   // cap
	Kids   []*Expr
}

// String returns the canonical text. Defaults are left out, so that one policy
// has one text, one hash and one set of check states.
func (e *Expr) String() string {
	args := e.args()
	for _, kid := range e.Kids {
		args = append(args, kid.String())
	}
	if len(args) == 0 {
		return string(e.Op)
	}
	return string(e.Op) + "(" + strings.Join(args, ", ") + ")"
}

func (e *Expr) args() []string {
	var args []string
	switch e.Op {
	case Quorum:
		args = append(args, strconv.Itoa(e.N))
		if e.Agree != 0 && e.Agree != e.N {
			args = append(args, "agree="+strconv.Itoa(e.Agree))
		}
	case AtLeast:
		args = append(args, strconv.Itoa(e.N))
	case Adaptive:
		args = append(args, strconv.Itoa(e.N), strconv.Itoa(e.Max))
	case Optimistic:
		args = append(args, formatSpan(e.Window))
	case ZK:
		args = append(args, e.System)
		if !e.Key.IsZero() {
			args = append(args, "key="+e.Key.String())
		}
		if e.Bind != "job" {
			args = append(args, "bind="+e.Bind)
		}
	case TEE:
		args = append(args, e.System)
		for _, r := range e.Refs {
			args = append(args, "ref="+r.String())
		}
	case Sample:
		args = append(args, formatShare(e.PPM))
	case Cap:
		args = append(args, e.Amount.String())
	case Sumcheck, Freivalds, None, All, Any, Escalate:
	}
	return args
}

// Hash returns the identity of the policy: the hash of its canonical text.
func (e *Expr) Hash() assay.Digest { return canon.Hash("assay/policy/1", []byte(e.String())) }

// Walk calls fn for every node in tree order, a parent before its children.
func (e *Expr) Walk(fn func(*Expr)) {
	fn(e)
	for _, kid := range e.Kids {
		kid.Walk(fn)
	}
}

// Combines reports whether the node only combines its children by a threshold.
// Every other node but escalate is judged by whoever knows its check.
func (e *Expr) Combines() bool { return e.Op == All || e.Op == Any || e.Op == AtLeast }

// Leaves returns the nodes that Judge may ever ask about, in tree order. Two
// leaves of equal text are one check, and are listed once.
func (e *Expr) Leaves() []*Expr {
	return e.Active(func(*Expr) bool { return true })
}

// Active returns the leaves that Judge asks about while the escalates are opened
// that opened names: the second branch of another one is nobody's business yet.
func (e *Expr) Active(opened func(*Expr) bool) []*Expr {
	var leaves []*Expr
	seen := map[string]bool{}
	e.active(opened, func(leaf *Expr) {
		if text := leaf.String(); !seen[text] {
			seen[text] = true
			leaves = append(leaves, leaf)
		}
	})
	return leaves
}

func (e *Expr) active(opened func(*Expr) bool, fn func(*Expr)) {
	kids := e.Kids
	switch {
	case e.Op == Escalate && !opened(e):
		kids = kids[:1]
	case e.Op != Escalate && !e.Combines():
		fn(e)
		return
	}
	for _, kid := range kids {
		kid.active(opened, fn)
	}
}

// Escalates returns the escalates that are reachable and not opened yet, in tree
// order.
func (e *Expr) Escalates(opened func(*Expr) bool) []*Expr {
	var list []*Expr
	kids := e.Kids
	switch {
	case e.Op == Escalate && !opened(e):
		list, kids = append(list, e), kids[:1]
	case e.Op != Escalate && !e.Combines():
		return nil
	}
	for _, kid := range kids {
		list = append(list, kid.Escalates(opened)...)
	}
	return list
}
