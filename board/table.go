package board

import (
	"cmp"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/dispute"
	"github.com/capacloud/assay/policy"
	"github.com/capacloud/assay/quorum"
	"github.com/capacloud/assay/sumcheck/network"
	"github.com/capacloud/assay/zk"
)

// entry is a check with what a plan must know of it.
type entry struct {
	check assay.Check
	first int // replicas that it asks for at once
	most  int // replicas that may tag on its behalf
	// trust is how many seats must have posted a state before a replacement may
	// go on from it: as many as the check wants to agree on a result, or the
	// epochs before would rest on fewer executions than those behind. One where
	// a window is what the check rests on, and zero means one.
	trust int
	// The check waits for whoever disagrees: validators attest that the inputs
	// can be had, a share of the jobs get a watcher, and a claim is a challenge.
	window assay.Millis
	proof  *proving // the check wants a proof of whoever opened; nil: none
}

// table is the one table from policy names to checks. What it lacks parses, and
// is refused as not available. Tests put checks of other families in it.
var table = map[policy.Op]func(*policy.Expr) entry{
	policy.Quorum: func(e *policy.Expr) entry {
		return entry{check: quorum.New(e.N, e.Agree), first: e.N, most: quorum.Max(e.N), trust: cmp.Or(e.Agree, e.N)}
	},
	policy.Optimistic: func(e *policy.Expr) entry {
		return entry{check: dispute.Optimistic(e.Window, e.String()), first: 1, most: 3, window: e.Window}
	},
	policy.ZK: func(e *policy.Expr) entry {
		return proofEntry(zk.New(e.System, e.Key, e.Bind, e.String()), proving{
			fits: func(job *assay.Job) error { return zk.Fits(e.System, job) },
			gas:  zk.Gas,
			size: zkSize,
		})
	},
	policy.Sumcheck: func(*policy.Expr) entry {
		return proofEntry(network.Sumcheck(), proving{fits: network.Fits, gas: network.SumcheckGas, size: network.MaxEvidence})
	},
	policy.Freivalds: func(*policy.Expr) entry {
		return proofEntry(network.Freivalds(), proving{fits: network.Fits, gas: network.FreivaldsGas, size: network.MaxEvidence})
	},
	policy.None: func(*policy.Expr) entry { return entry{check: quorum.None(), first: 1, most: 1} },
}

// zkSize is what a proof with a usual number of public values takes. A seat is not
// drawn unless its provider can pay for posting so much.
const zkSize = 64 << 10

// proofEntry is a check that one proof decides: one executor at first, and others
// in its place while nobody shows a valid one.
func proofEntry(check assay.Check, p proving) entry {
	return entry{check: check, first: 1, most: mostProvers, proof: &p}
}

// entries returns the checks of a policy in tree order, each once.
func entries(e *policy.Expr) ([]entry, error) {
	var list []entry
	for _, leaf := range e.Leaves() {
		build, ok := table[leaf.Op]
		if !ok {
			return nil, assay.Refuse(CodeNotAvailable, "%s", leaf.Op)
		}
		list = append(list, build(leaf))
	}
	return list, nil
}
