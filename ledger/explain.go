package ledger

import (
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
)

// Lock is money of an account that the account cannot spend now: how much, why,
// and when it ends. No coin is locked without all three.
type Lock struct {
	Amount   assay.Amount
	Reason   LockReason
	Job      assay.JobID // zero for free stake
	Provider assay.Key   // whose seat or stake; zero for an escrow
	// A lock of a case ends with its settlement, and Clock is the next deadline
	// that moves it there (zero: the case waits for a beacon). Until is set
	// where the end is a time. Free stake has neither: it can be taken back.
	Clock assay.Clock
	Until assay.Time
}

// LockReason says what a lock secures.
type LockReason string

// The reasons.
const (
	LockEscrow    LockReason = "escrow"     // pays a job of the account
	LockBond      LockReason = "bond"       // secures a commitment of the account's
	LockStake     LockReason = "stake"      // secures an assignment of a provider that the account owns
	LockLiability LockReason = "liability"  // the same, settled, within the horizon
	LockAppeal    LockReason = "appeal"     // the same, while an appeal runs
	LockClaim     LockReason = "claim"      // secures a claim of the account's in a dispute
	LockFree      LockReason = "free-stake" // weighs in draws; unstake returns it
)

// Explain names every coin of an account that is not in its balance: escrows of
// its open jobs, bonds of its open seats and of its claims, stakes of the
// providers that it owns.
func (l *Ledger) Explain(account assay.Key) []Lock {
	var locks []Lock
	for _, c := range l.Cases(Filter{Requester: account, Open: true}) {
		locks = append(locks, lockIn(c, Lock{Amount: c.Escrow, Reason: LockEscrow}))
	}
	for _, c := range l.Cases(Filter{Provider: account}) {
		for i := range c.Seats {
			if s := &c.Seats[i]; s.Provider == account && bondOf(s) > 0 {
				locks = append(locks, lockIn(c, Lock{Amount: bondOf(s), Reason: LockBond, Provider: account}))
			}
		}
	}
	locks = append(locks, l.claims(account)...)
	for _, k := range l.Owned(account) {
		locks = append(locks, l.stakes(k)...)
	}
	return slices.DeleteFunc(locks, func(x Lock) bool { return x.Amount == 0 })
}

// Owned returns the providers of an owner account, in order of their keys.
func (l *Ledger) Owned(owner assay.Key) []assay.Key {
	var list []assay.Key
	prefix := key(tabOwned, owner[:])
	l.store.Ascend(prefix, after(prefix), func(k, _ []byte) bool {
		list = append(list, assay.Key(k[len(prefix):]))
		return true
	})
	return list
}

// stakes explains the stake of one provider.
func (l *Ledger) stakes(provider assay.Key) []Lock {
	p, _ := l.providers.get(provider)
	locks := []Lock{{Amount: p.Market.Free(), Reason: LockFree, Provider: provider}}
	for _, c := range l.Cases(Filter{Provider: provider}) {
		for i := range c.Seats {
			if s := &c.Seats[i]; s.Provider == provider {
				locks = append(locks, lockIn(c, Lock{Amount: s.Stake, Reason: LockStake, Provider: provider}))
			}
		}
	}
	prefix := []byte{tabTimeDue}
	l.store.Ascend(prefix, after(prefix), func(k, v []byte) bool {
		var list []liability
		if canon.Unmarshal(v, &list) != nil {
			return true
		}
		for _, x := range list {
			if x.Provider == provider {
				locks = append(locks, Lock{Amount: x.Stake, Reason: LockLiability, Job: assay.JobID(k[9:]), Provider: provider, Until: assay.Time(beUint(k[1:9]))})
			}
		}
		return true
	})
	for _, a := range l.appealsUnder(key(tabDefend, provider[:])) {
		due, _ := a.Deadline()
		list, _ := load[[]liability](l.store, heldKey(a.Job))
		for _, x := range list {
			if x.Provider == provider {
				locks = append(locks, Lock{Amount: x.Stake, Reason: LockAppeal, Job: a.Job, Provider: provider, Clock: due})
			}
		}
	}
	return locks
}

// claims explains the bonds of an account's claims.
func (l *Ledger) claims(author assay.Key) []Lock {
	var locks []Lock
	prefix := key(tabClaimant, author[:])
	l.store.Ascend(prefix, after(prefix), func(k, _ []byte) bool {
		job := assay.JobID(k[len(prefix):])
		if a, ok := l.appeals.get(job); ok && a.Running() {
			due, _ := a.Deadline()
			locks = append(locks, Lock{Amount: a.Dispute.BondsOf(author), Reason: LockClaim, Job: job, Clock: due})
			return true
		}
		c, _ := l.cases.get(job)
		for i := range c.Disputes {
			locks = append(locks, lockIn(c, Lock{Amount: c.Disputes[i].BondsOf(author), Reason: LockClaim}))
		}
		return true
	})
	return locks
}

func lockIn(c *board.Case, x Lock) Lock {
	x.Job = c.ID
	x.Clock, _ = c.Deadline()
	return x
}
