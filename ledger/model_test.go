package ledger_test

import (
	"fmt"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/ledger"
)

// model is what a reader of design §7 would keep in a table: balances, stakes,
// and nothing clever.
type model struct {
	balance map[string]int64
	stake   map[string]int64
	pool    int64
	burned  int64
}

// TestBalancesAgainstModel drives random blocks (transfers, stakes, jobs with
// honest, lying, silent and contradicting providers, clocks that run out) and
// holds every balance to the model after each.
func TestBalancesAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := testParams()
		p.Liability = rapid.SampledFrom([]assay.Millis{0, 20_000}).Draw(rt, "liability")
		p.Unavailable = rapid.SampledFrom([]assay.PPM{0, 333_333, assay.Whole}).Draw(rt, "unavailable")
		rich := []string{"alice", "bob", "p1", "p2", "p3", "p4", "p5"}
		w := newWorld(t, p, rapid.IntRange(1, 3).Draw(rt, "validators"), rich...)
		w.restart = rapid.Bool().Draw(rt, "restart")
		m := &model{balance: map[string]int64{}, stake: map[string]int64{}}
		for _, name := range rich {
			m.balance[name] = 1_000_000_000
		}
		g := &generator{rt: rt, w: w, m: m}
		g.block(t, g.offers())
		for range rapid.IntRange(5, 40).Draw(rt, "blocks") {
			var txs []sent
			for range rapid.IntRange(0, 4).Draw(rt, "txs") {
				txs = append(txs, g.any())
			}
			txs = append(txs, g.moves()...)
			txs = append(txs, g.tx("v1", &assay.Tick{}))
			g.block(t, txs)
		}
		if got := replay(t, w); got != w.store.Hash() {
			rt.Fatal("replay ends elsewhere")
		}
	})
}

type sent struct {
	signer   string
	messages []assay.Message
	bytes    []byte
}

type generator struct {
	rt   *rapid.T
	w    *world
	m    *model
	jobs int
}

func (g *generator) tx(signer string, messages ...assay.Message) sent {
	return sent{signer, messages, g.w.tx(signer, messages...)}
}

func (g *generator) offers() []sent {
	var list []sent
	for i := range 5 {
		name := fmt.Sprintf("p%d", i+1)
		list = append(list, g.tx(name, g.w.offer(name, 100, 3), &assay.Stake{Provider: g.w.key(name), Amount: 20_000}))
	}
	return list
}

func (g *generator) any() sent {
	who := rapid.SampledFrom([]string{"alice", "bob", "p1", "p2", "nobody"}).Draw(g.rt, "who")
	amount := assay.Amount(rapid.Uint64Range(0, 2_000_000).Draw(g.rt, "amount"))
	switch rapid.IntRange(0, 6).Draw(g.rt, "kind") {
	case 0:
		return g.tx(who, &assay.Transfer{To: g.w.key("bob"), Amount: amount})
	case 1:
		return g.tx(who, &assay.Transfer{To: g.w.key("nobody"), Amount: amount}, &assay.Transfer{To: g.w.key("bob"), Amount: amount * 600})
	case 2:
		return g.tx(who, &assay.Stake{Provider: g.w.key(who), Amount: amount})
	case 3:
		return g.tx(who, &assay.Unstake{Provider: g.w.key(who), Amount: amount / 100})
	case 4:
		return g.tx(who, &assay.Withdraw{Provider: g.w.key(who)})
	case 5:
		return g.tx(who, g.w.offer(who, 120, 2))
	}
	g.jobs++
	policy := rapid.SampledFrom([]string{"quorum(1)", "quorum(2)", "quorum(3)", "none"}).Draw(g.rt, "policy")
	return g.tx(who, g.w.job(fmt.Sprintf("j%d", g.jobs), who, policy, assay.Amount(rapid.Uint64Range(90, 200).Draw(g.rt, "price")), 60_000))
}

// moves lets each party of each case act, or lie, or stay silent.
func (g *generator) moves() []sent {
	var list []sent
	for _, c := range g.w.ledger.Cases(ledger.Filter{Open: true}) {
		for i := range c.Seats {
			s := &c.Seats[i]
			as := rapid.SampledFrom([]string{"right", "right", "right", "lie", "silent", "other"}).Draw(g.rt, "as")
			if as == "silent" {
				continue
			}
			name := g.w.name(s.Provider)
			switch {
			case s.State == assay.Assigned:
				list = append(list, g.tx(name, g.w.commit(c, s, as)))
			case s.State == assay.Committed:
				list = append(list, g.tx(name, g.w.tag(c, s, as)))
			case s.State == assay.Tagged:
				list = append(list, g.tx(name, g.w.openSeat(c, s, as)))
			}
		}
		if c.Phase == board.Fetching && rapid.Bool().Draw(g.rt, "attest") {
			for _, v := range g.w.genesis.Validators {
				list = append(list, g.tx(g.w.name(v.Account), &assay.Attest{Job: c.ID, Output: c.Verdict.Result.Output}))
			}
		}
	}
	return list
}

// block applies and compares.
func (g *generator) block(t *testing.T, txs []sent) {
	var raw [][]byte
	for _, s := range txs {
		raw = append(raw, s.bytes)
	}
	dt := assay.Millis(rapid.SampledFrom([]int64{0, 500, 1000, 4000, 100_000}).Draw(g.rt, "dt"))
	settledBefore := map[assay.JobID]bool{}
	for _, c := range g.w.ledger.Cases(ledger.Filter{}) {
		settledBefore[c.ID] = c.Settled()
	}
	out, err := g.w.try(t, dt, raw...)
	if err != nil {
		g.rt.Fatal(err)
	}
	for _, e := range out.Events {
		if e.Kind == ledger.EventStalled {
			g.rt.Fatalf("stalled: %s", e.Text)
		}
	}
	for i, r := range out.Results {
		if r.Code == assay.CodeInternal {
			g.rt.Fatalf("transaction %d: %s", i, r.Detail)
		}
		g.m.balance[txs[i].signer] -= int64(r.Fee)
		g.m.pool += int64(r.Fee)
		if r.Code == "" {
			for _, msg := range txs[i].messages {
				g.m.message(g.w, txs[i].signer, msg)
			}
		}
	}
	for _, c := range g.w.ledger.Cases(ledger.Filter{}) {
		if c.Settled() && !settledBefore[c.ID] {
			g.m.settle(g.w, c)
		}
	}
	g.m.payValidators(g.w)
	g.m.compare(g.rt, g.w)
}

// message is what a message moves by the text of the design.
func (m *model) message(w *world, from string, msg assay.Message) {
	switch x := msg.(type) {
	case *assay.Transfer:
		m.balance[from] -= int64(x.Amount)
		m.balance[w.name(x.To)] += int64(x.Amount)
	case *assay.Stake:
		m.balance[from] -= int64(x.Amount)
		m.stake[w.name(x.Provider)] += int64(x.Amount)
	case *assay.Unstake:
		m.balance[from] += int64(x.Amount)
		m.stake[w.name(x.Provider)] -= int64(x.Amount)
	case *assay.Submit:
		n := map[string]int64{"quorum(1)": 1, "quorum(2)": 2, "quorum(3)": 3, "none": 1}[x.Job.Policy]
		paid := n * int64(x.Job.MaxPrice)
		m.balance[from] -= paid + max(10, paid*50_000/1_000_000)
	case *assay.Commit:
		c, _ := w.ledger.Case(x.Job)
		m.balance[from] -= int64(c.Job.MaxPrice)
	}
}

// settle pays by the record, from the table of faults.
func (m *model) settle(w *world, c *board.Case) {
	s := c.Record.Settlement
	for _, p := range s.Payments {
		switch p.Code {
		case board.PayFee:
			m.pool += int64(p.Amount)
		default:
			m.balance[w.name(p.To)] += int64(p.Amount)
		}
	}
	for _, seat := range c.Seats {
		name, bond := w.name(seat.Provider), int64(0)
		if !seat.Commit.IsZero() {
			bond = int64(c.Job.MaxPrice)
		}
		switch seat.State {
		case assay.Abandoned:
			m.burned += bond
			bond = 0
		case assay.Unavailable:
			penalty := bond * int64(w.genesis.Params.Unavailable) / 1_000_000
			m.burned += penalty - penalty/2
			m.balance[w.name(c.Job.Requester)] += penalty / 2
			bond -= penalty
		case assay.ProvedWrong:
			m.stake[name] -= int64(seat.Stake)
			m.burned += int64(seat.Stake)
		}
		m.balance[name] += bond
	}
}

func (m *model) payValidators(w *world) {
	total := int64(w.genesis.TotalPower())
	if m.pool < total {
		return
	}
	pool := m.pool
	for _, v := range w.genesis.Validators {
		share := new(big.Int).Mul(big.NewInt(pool), big.NewInt(int64(v.Power)))
		n := share.Div(share, big.NewInt(total)).Int64()
		m.balance[v.Name] += n
		m.pool -= n
	}
}

func (m *model) compare(rt *rapid.T, w *world) {
	var names []string
	for _, n := range w.names {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		if got := w.ledger.Account(w.key(n)).Balance; int64(got) != m.balance[n] {
			rt.Fatalf("height %d: %s has %d, the model says %d", w.height, n, got, m.balance[n])
		}
		p, _ := w.ledger.Offer(w.key(n))
		if got := p.Market.Stake; int64(got) != m.stake[n] {
			rt.Fatalf("height %d: %s has staked %d, the model says %d", w.height, n, got, m.stake[n])
		}
		locked := assay.Amount(0)
		for _, x := range w.ledger.Explain(w.key(n)) {
			if x.Reason == ledger.LockStake || x.Reason == ledger.LockLiability {
				locked += x.Amount
			}
		}
		if locked != p.Market.Locked {
			rt.Fatalf("height %d: %s has %s locked, explained %s", w.height, n, p.Market.Locked, locked)
		}
	}
	if got := w.ledger.Meta(); int64(got.Pool) != m.pool || int64(got.Burned) != m.burned {
		rt.Fatalf("height %d: pool %d burned %d, the model says %d and %d", w.height, got.Pool, got.Burned, m.pool, m.burned)
	}
}

// TestMemStoreAgainstMap holds the store, and copies of it, to a map.
func TestMemStoreAgainstMap(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		type pair struct {
			store *ledger.MemStore
			m     map[string]string
		}
		all := []pair{{ledger.NewMemStore(), map[string]string{}}}
		for range rapid.IntRange(0, 200).Draw(rt, "steps") {
			p := all[rapid.IntRange(0, len(all)-1).Draw(rt, "store")]
			k := rapid.StringMatching("[a-c]{1,3}").Draw(rt, "key")
			switch rapid.IntRange(0, 4).Draw(rt, "op") {
			case 0, 1, 2:
				v := rapid.StringMatching("[x-z]{1,2}").Draw(rt, "value")
				p.store.Set([]byte(k), []byte(v))
				p.m[k] = v
			case 3:
				p.store.Delete([]byte(k))
				delete(p.m, k)
			case 4:
				c := map[string]string{}
				for k, v := range p.m {
					c[k] = v
				}
				if len(all) < 5 {
					all = append(all, pair{p.store.Clone(), c})
				}
			}
			for _, p := range all {
				compareStore(rt, p.store, p.m, k)
			}
		}
	})
}

func compareStore(rt *rapid.T, s *ledger.MemStore, m map[string]string, from string) {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var got []string
	s.Ascend(nil, nil, func(k, v []byte) bool {
		if m[string(k)] != string(v) || string(s.Get(k)) != string(v) {
			rt.Fatalf("%s is %s, want %s", k, v, m[string(k)])
		}
		got = append(got, string(k))
		return true
	})
	if !slices.Equal(got, keys) || s.Len() != len(keys) {
		rt.Fatalf("keys %v (%d), want %v", got, s.Len(), keys)
	}
	got = nil
	s.Ascend([]byte(from), []byte("c"), func(k, _ []byte) bool { got = append(got, string(k)); return true })
	keys = slices.DeleteFunc(keys, func(k string) bool { return k < from || k >= "c" })
	if !slices.Equal(got, keys) {
		rt.Fatalf("from %s: %v, want %v", from, got, keys)
	}
}
