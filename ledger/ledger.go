package ledger

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/market"
)

// Options of a Ledger. The zero value is what a network runs.
type Options struct {
	// Unsigned takes every transaction as signed by its signer: for a
	// simulator, where keys are names and signatures would be most of the time.
	Unsigned bool
	// Scan recomputes the books from the whole state after every block.
	Scan bool

	hook func(assay.Message) // tests plant panics in messages here
	step func(assay.JobID)   // and in the steps of a case here
}

// Ledger applies blocks to a store.
type Ledger struct {
	store   Store
	genesis *assay.Genesis
	network assay.NetworkID
	options Options

	// Caches of the store. Each can be dropped at any block's end.
	meta      Meta
	accounts  *table[assay.Key, Account]
	providers *table[assay.Key, Provider]
	cases     *table[assay.JobID, *board.Case]
	appeals   *table[assay.JobID, *board.Appeal] // the latest of each job
	programs  *table[assay.Digest, Program]
	keys      *table[assay.Digest, VerifyingKey]
	// statements are those that are paid for once.
	statements *table[assay.Digest, spent]
	ceremonies *table[assay.Digest, Ceremony]
	lowering   *lowering // the first of the queue
	trees      *trees
	window     *window
	verified   map[assay.Digest]struct{} // transactions whose signature Check has verified
}

// Codes of a store that does not belong to a genesis.
const (
	CodeStoreUsed  assay.Code = "store-not-empty"
	CodeStoreOther assay.Code = "store-of-another-network"
)

// Init writes the state of a genesis into an empty store.
func Init(s Store, g *assay.Genesis) error {
	if err := g.Validate(); err != nil {
		return err
	}
	if s.Get(MetaKey()) != nil {
		return assay.Refuse(CodeStoreUsed, "it holds a ledger already")
	}
	m := Meta{Network: g.ID(), Moment: assay.Moment{Time: g.Time}}
	for _, a := range g.Accounts {
		if a.Amount == 0 {
			continue
		}
		s.Set(AccountKey(a.Account), canon.Marshal(Account{Balance: a.Amount}))
		m.Genesis += a.Amount // Validate has summed them without overflow
	}
	m.Balances = m.Genesis
	s.Set(MetaKey(), canon.Marshal(&m))
	return nil
}

// New returns the ledger of a store that Init has written.
func New(s Store, g *assay.Genesis) (*Ledger, error) { return Open(s, g, Options{}) }

// Open is New with options.
func Open(s Store, g *assay.Genesis, o Options) (*Ledger, error) {
	l := &Ledger{store: s, genesis: g, network: g.ID(), options: o, verified: map[assay.Digest]struct{}{}}
	m, ok := load[Meta](s, MetaKey())
	if !ok || m.Network != l.network {
		return nil, assay.Refuse(CodeStoreOther, "want network %s", l.network.Short())
	}
	l.Reload()
	return l, nil
}

// Reload drops every cache: the store was changed by other means than Apply,
// for example rolled back.
func (l *Ledger) Reload() {
	l.meta, _ = load[Meta](l.store, MetaKey())
	l.accounts = newTable(cacheRows, func(k assay.Key) (Account, bool) { return load[Account](l.store, AccountKey(k)) })
	l.providers = newTable(cacheRows, func(k assay.Key) (Provider, bool) { return load[Provider](l.store, OfferKey(k)) })
	l.cases = newTable(cacheCases, l.loadCase)
	l.appeals = newTable(cacheCases, l.loadAppeal)
	l.programs = newTable(cacheRows, func(d assay.Digest) (Program, bool) { return load[Program](l.store, programKey(d)) })
	l.keys = newTable(cacheCases, func(d assay.Digest) (VerifyingKey, bool) { return load[VerifyingKey](l.store, KeyKey(d)) })
	l.statements = newTable(cacheRows, func(d assay.Digest) (spent, bool) {
		b := l.store.Get(SpentKey(d))
		if b == nil {
			return spent{}, false
		}
		return spent{Job: assay.JobID(b)}, true
	})
	l.ceremonies = newTable(cacheCases, func(id assay.Digest) (Ceremony, bool) { return load[Ceremony](l.store, CeremonyKey(id)) })
	l.trees, l.window, l.lowering = nil, nil, nil
}

// Genesis returns what the ledger was opened with.
func (l *Ledger) Genesis() *assay.Genesis { return l.genesis }

// Network returns the network's identity.
func (l *Ledger) Network() assay.NetworkID { return l.network }

// Moment returns where the ledger stands: the last block that changed anything.
func (l *Ledger) Moment() assay.Moment { return l.meta.Moment }

// Meta returns the ledger's own figures.
func (l *Ledger) Meta() Meta { return l.meta }

// Account returns what a key has to spend; a key that nobody has paid has zero.
func (l *Ledger) Account(k assay.Key) Account {
	a, _ := l.accounts.get(k)
	return a
}

// Offer returns a provider: its offer, stake, quota and scores.
func (l *Ledger) Offer(provider assay.Key) (Provider, bool) { return l.providers.get(provider) }

// Offers returns every provider in the order of its key, listed or not.
func (l *Ledger) Offers() []Provider {
	var list []Provider
	prefix := []byte{tabProvider}
	l.store.Ascend(prefix, after(prefix), func(k, _ []byte) bool {
		p, _ := l.providers.get(assay.Key(k[1:]))
		list = append(list, p)
		return true
	})
	return list
}

// Case returns the board of a job, to be read only.
func (l *Ledger) Case(job assay.JobID) (*board.Case, bool) { return l.cases.get(job) }

// Record returns the digest that the ledger keeps of a settled job.
func (l *Ledger) Record(job assay.JobID) (assay.Digest, bool) {
	b := l.store.Get(RecordKey(job))
	if b == nil {
		return assay.Digest{}, false
	}
	return assay.Digest(b), true
}

// Filter selects cases. Provider selects open cases in which it holds a seat,
// Requester all cases of an account; with neither, all cases in order of job id.
type Filter struct {
	Provider  assay.Key
	Requester assay.Key
	Open      bool        // leave out settled ones
	Liable    bool        // open ones, then those of Liable; alone
	After     assay.JobID // start behind this id
	Limit     int         // zero: no limit
}

// Cases returns the cases that a filter selects, in order of job id, to be read
// only.
func (l *Ledger) Cases(f Filter) []*board.Case {
	if f.Liable {
		return append(l.Cases(Filter{Open: true}), l.Liable()...)
	}
	prefix := []byte{tabCase}
	switch {
	case !f.Provider.IsZero():
		prefix = key(tabSeat, f.Provider[:])
	case !f.Requester.IsZero():
		prefix = key(tabRequested, f.Requester[:])
	}
	from := prefix
	if !f.After.IsZero() {
		from = append(key(0), append(prefix[:len(prefix):len(prefix)], append(f.After[:], 0)...)...)[1:]
	}
	var list []*board.Case
	l.store.Ascend(from, after(prefix), func(k, v []byte) bool {
		if f.Open && prefix[0] == tabRequested && v[0] == closedMark[0] {
			return true
		}
		c, ok := l.cases.get(assay.JobID(k[len(prefix):]))
		if ok && !(f.Open && c.Settled()) {
			list = append(list, c)
		}
		return f.Limit == 0 || len(list) < f.Limit
	})
	return list
}

// OpenFor returns the open cases in which a provider holds a seat, and the
// appeals that run against a result that it supported, in order of job id.
func (l *Ledger) OpenFor(provider assay.Key) ([]*board.Case, []*board.Appeal) {
	return l.Cases(Filter{Provider: provider, Open: true}), l.appealsUnder(key(tabDefend, provider[:]))
}

// Running returns the appeals that run, in order of job id.
func (l *Ledger) Running() []*board.Appeal { return l.appealsUnder([]byte{tabAppealed}) }

// appealsUnder returns the latest appeals of the jobs that are listed under a
// prefix.
func (l *Ledger) appealsUnder(prefix []byte) []*board.Appeal {
	var list []*board.Appeal
	l.store.Ascend(prefix, after(prefix), func(k, _ []byte) bool {
		if a, ok := l.appeals.get(assay.JobID(k[len(prefix):])); ok {
			list = append(list, a)
		}
		return true
	})
	return list
}

// Appeal returns the latest appeal of a job, to be read only.
func (l *Ledger) Appeal(job assay.JobID) (*board.Appeal, bool) { return l.appeals.get(job) }

// Appeals returns all appeals of a job by number.
func (l *Ledger) Appeals(job assay.JobID) []*board.Appeal {
	var list []*board.Appeal
	prefix := key(tabAppeal, job[:])
	l.store.Ascend(prefix, after(prefix), func(k, v []byte) bool {
		list = append(list, new(decode[board.Appeal](k, v)))
		return true
	})
	return list
}

// Revocation returns the revocation of a job's result.
func (l *Ledger) Revocation(job assay.JobID) (*board.Revocation, bool) {
	a, ok := l.appeals.get(job)
	if !ok || a.Revocation == nil {
		return nil, false
	}
	return a.Revocation, true
}

// Liable returns the settled cases whose result is open to a fraud proof and not
// yet appealed against, in the order in which their horizons end.
func (l *Ledger) Liable() []*board.Case {
	var list []*board.Case
	prefix := []byte{tabTimeDue}
	l.store.Ascend(prefix, after(prefix), func(k, _ []byte) bool {
		c, ok := l.cases.get(assay.JobID(k[9:]))
		if ok && l.open(c) {
			list = append(list, c)
		}
		return true
	})
	return list
}

func (l *Ledger) open(c *board.Case) bool {
	horizon, open := board.HorizonOf(&l.genesis.Params, c)
	_, revoked := l.Revocation(c.ID)
	return open && !revoked && l.meta.Moment.Time < horizon
}

// Image returns the image of a program for a runtime's machine.
func (l *Ledger) Image(runtime string, program assay.Digest) ([]byte, bool) {
	r, ok := board.RefereeOf(runtime)
	if !ok {
		return nil, false
	}
	b := l.store.Get(ImageKey(r.Version(), program))
	return b, b != nil
}

// Posted returns how far a program is on record: what a poster need not post.
func (l *Ledger) Posted(program assay.Digest) (Program, bool) { return l.programs.get(program) }

// Witnesses returns the witnesses of the proofs of a case's dispute, by number;
// those of an appeal's are under AppealWitnesses.
func (l *Ledger) Witnesses(job assay.JobID, dispute int) [][]byte {
	var list [][]byte
	prefix := key(tabWitness, job[:], be(uint64(dispute)))
	l.store.Ascend(prefix, after(prefix), func(_, v []byte) bool {
		list = append(list, v)
		return true
	})
	return list
}

// AppealWitnesses returns the witnesses of the proofs of an appeal.
func (l *Ledger) AppealWitnesses(job assay.JobID, appeal uint16) [][]byte {
	return l.Witnesses(job, appealDispute+int(appeal))
}

// Market returns the sum tree as it stands now.
func (l *Ledger) Market() market.Tree { return l.listings().now }

// scan recomputes the books from the whole state.
func (l *Ledger) scan() error {
	m := l.meta
	m.Balances, m.Stakes, m.Escrows, m.Bonds = 0, 0, 0, 0
	locked := map[assay.Key]assay.Amount{}
	active := map[assay.Key]uint32{}
	l.store.Ascend(nil, nil, func(k, v []byte) bool {
		switch k[0] {
		case tabAccount:
			a := decode[Account](k, v)
			m.Balances += a.Balance
		case tabProvider:
			p := decode[Provider](k, v)
			m.Stakes += p.Market.Stake
			locked[assay.Key(k[1:])] += p.Market.Locked
			active[assay.Key(k[1:])] += p.Market.Active
		case tabCase:
			c := new(decode[board.Case](k, v))
			e, b := lockedBy(c)
			m.Escrows, m.Bonds = m.Escrows+e, m.Bonds+b
			for _, s := range c.Seats {
				if !c.Settled() {
					locked[s.Provider] -= s.Stake
					active[s.Provider]--
				}
			}
		case tabGame:
			if c, ok := l.cases.get(assay.JobID(k[1:33])); ok && !c.Settled() {
				d := decode[board.Dispute](k, v)
				m.Bonds += d.Bonds()
			}
		case tabAppeal:
			a := decode[board.Appeal](k, v)
			m.Bonds += a.Bonds()
		case tabTimeDue, tabHeld:
			list := decode[[]liability](k, v)
			for _, x := range list {
				locked[x.Provider] -= x.Stake
			}
		}
		return true
	})
	if m != l.meta {
		return fmt.Errorf("ledger: the books say %+v, the state %+v", l.meta, m)
	}
	for _, k := range slices.SortedFunc(maps.Keys(locked), func(a, b assay.Key) int { return bytes.Compare(a[:], b[:]) }) {
		if locked[k] != 0 || active[k] != 0 {
			return fmt.Errorf("ledger: provider %s has %d locked and %d assignments beyond what cases and liabilities name", k.Short(), locked[k], active[k])
		}
	}
	return nil
}

// forget drops what a step that is not to be applied has left in the tables.
func (l *Ledger) forget() {
	l.accounts.forget()
	l.providers.forget()
	l.cases.forget()
	l.appeals.forget()
	l.programs.forget()
	l.keys.forget()
	l.statements.forget()
	l.ceremonies.forget()
}
