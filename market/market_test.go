package market_test

import (
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/market"
	"github.com/capacloud/assay/merkle"
)

var (
	owner  = assay.Key{1}
	thief  = assay.Key{2}
	worker = assay.Key{3}
)

func offer(capacity uint32) assay.Offer {
	return assay.Offer{Provider: worker, Owner: owner, Price: 100, Runtimes: []string{"wasm/1"}, Capacity: capacity}
}

func listed(t *testing.T, capacity uint32, stake assay.Amount) market.Provider {
	t.Helper()
	p, err := market.Provider{}.Post(offer(capacity))
	if err != nil {
		t.Fatal(err)
	}
	if p, err = p.AddStake(owner, stake); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEligible(t *testing.T) {
	need := market.Need{Now: 1000, Runtime: "wasm/1", MaxPrice: 100, Stake: 500, MinStake: 800}
	for _, test := range []struct {
		name string
		edit func(*market.Provider, *market.Need)
		want assay.Code
	}{
		{"eligible", func(*market.Provider, *market.Need) {}, ""},
		{"withdrawn", func(p *market.Provider, _ *market.Need) { p.Listed = false }, market.CodeNotListed},
		{"expires now", func(p *market.Provider, _ *market.Need) { p.Offer.Expiry = 1000 }, market.CodeOfferExpired},
		{"expires later", func(p *market.Provider, _ *market.Need) { p.Offer.Expiry = 1001 }, ""},
		{"other runtime", func(_ *market.Provider, n *market.Need) { n.Runtime = "tensor/1" }, market.CodeOfferRuntime},
		{"too dear", func(_ *market.Provider, n *market.Need) { n.MaxPrice = 99 }, market.CodeOfferPrice},
		{"below the floor", func(p *market.Provider, _ *market.Need) { p.Locked = 201 }, market.CodeOfferStake},
		{"below the need", func(_ *market.Provider, n *market.Need) { n.Stake = 1001 }, market.CodeOfferStake},
		{"at the offer's capacity", func(p *market.Provider, _ *market.Need) { p.Active = 2 }, market.CodeOfferCapacity},
		{"at its quota", func(p *market.Provider, _ *market.Need) { p.Active, p.Quota = 1, 1 }, market.CodeOfferCapacity},
	} {
		p, n := listed(t, 2, 1000), need
		test.edit(&p, &n)
		if got := p.Eligible(n); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// TestOwnership: stake that one account paid in is never another's.
func TestOwnership(t *testing.T) {
	p := listed(t, 2, 1000)
	stolen := offer(2)
	stolen.Owner = thief
	if _, err := p.Post(stolen); assay.CodeOf(err) != market.CodeNotOwner {
		t.Errorf("post by another owner: %v", err)
	}
	if _, err := p.TakeStake(thief, 1); assay.CodeOf(err) != market.CodeNotOwner {
		t.Errorf("stake taken by another owner: %v", err)
	}
	if _, err := p.Withdraw(thief); assay.CodeOf(err) != market.CodeNotOwner {
		t.Errorf("withdrawn by another owner: %v", err)
	}
	if _, err := (market.Provider{}).AddStake(owner, 1); assay.CodeOf(err) != market.CodeNotListed {
		t.Errorf("stake without an offer: %v", err)
	}
	p, _ = p.Withdraw(owner)
	p, _ = p.TakeStake(owner, 1000)
	if !p.Gone() {
		t.Error("something is left")
	}
	if _, err := p.Post(stolen); err != nil {
		t.Errorf("a provider that has left cannot move: %v", err)
	}
}

// TestQuota: lateness lowers it, accepted work raises it, and posting again
// washes nothing away.
func TestQuota(t *testing.T) {
	p := listed(t, 3, 0)
	step := func(name string, next market.Provider, want uint32) {
		t.Helper()
		if p = next; p.Quota != want {
			t.Errorf("%s: quota %d, want %d", name, p.Quota, want)
		}
	}
	post := func(capacity uint32) market.Provider {
		next, err := p.Post(offer(capacity))
		if err != nil {
			t.Fatal(err)
		}
		return next
	}
	step("new", p, 3)
	step("accepted at the top", p.Accepted(), 3)
	step("late", p.Late(), 2)
	step("posted again with more", post(100), 2)
	step("accepted", p.Accepted(), 3)
	step("posted with less", post(2), 2)
	step("late", p.Late(), 1)
	step("late at the bottom", p.Late(), 1)
	step("accepted", p.Accepted(), 2)
	step("full, then posted with more", post(5), 5)
}

func TestSplit(t *testing.T) {
	for _, test := range []struct {
		amount assay.Amount
		powers []uint64
		want   []assay.Amount
		rest   assay.Amount
	}{
		{100, []uint64{1}, []assay.Amount{100}, 0},
		{100, []uint64{1, 1, 1}, []assay.Amount{33, 33, 33}, 1},
		{2, []uint64{1, 1, 1}, []assay.Amount{0, 0, 0}, 2},
		{^assay.Amount(0), []uint64{1 << 40, 1 << 40}, []assay.Amount{1<<63 - 1, 1<<63 - 1}, 1},
		{7, nil, []assay.Amount{}, 7},
	} {
		got, rest := market.Split(test.amount, test.powers)
		if !slices.Equal(got, test.want) || rest != test.rest {
			t.Errorf("%s by %v: %v and %s, want %v and %s", test.amount, test.powers, got, rest, test.want, test.rest)
		}
	}
}

func TestSplitAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a := rapid.Uint64().Draw(rt, "amount")
		powers := rapid.SliceOfN(rapid.Uint64Range(1, 1<<40), 1, 200).Draw(rt, "powers")
		shares, rest := market.Split(assay.Amount(a), powers)
		total := new(big.Int)
		for _, p := range powers {
			total.Add(total, new(big.Int).SetUint64(p))
		}
		sum := uint64(rest)
		for i, p := range powers {
			want := new(big.Int).Mul(new(big.Int).SetUint64(a), new(big.Int).SetUint64(p))
			if want.Div(want, total); want.Uint64() != uint64(shares[i]) {
				rt.Fatalf("share %d is %s, want %s", i, shares[i], want)
			}
			sum += uint64(shares[i])
		}
		if sum != a || uint64(rest) >= uint64(len(powers)) {
			rt.Fatalf("%d of %d given, rest %s of %d", sum, a, rest, len(powers))
		}
	})
}

func settled() (*assay.Record, market.Case) {
	r := &assay.Record{Settlement: assay.Settlement{
		Escrow: 472, Paid: 200, Refunded: 257, Fees: 15, Slashed: 1500, Burned: 1650,
		Payments: []assay.Payment{
			{To: assay.Key{10}, Amount: 100, Code: "executed", Seat: 0},
			{To: assay.Key{11}, Amount: 100, Code: "executed", Seat: 1},
			{To: owner, Amount: 257, Code: "refund"},
			{Amount: 15, Code: "protocol-fee"},
		},
		Faults: []assay.Fault{
			{Seat: 2, Provider: assay.Key{12}, Class: assay.FaultProvedWrong, Slashed: 1500},
			{Seat: 3, Provider: assay.Key{13}, Class: assay.FaultAbandoned, Penalty: 150},
			{Seat: 4, Provider: assay.Key{14}, Class: assay.FaultLate},
		},
	}}
	c := market.Case{Requester: owner, Escrow: 472}
	for i := range 5 {
		h := market.Held{Seat: uint16(i), Provider: assay.Key{byte(10 + i)}, Stake: 1500, Bond: 150}
		if i == 4 {
			h.Bond = 0
		}
		c.Seats = append(c.Seats, h)
	}
	return r, c
}

func TestDistribute(t *testing.T) {
	r, c := settled()
	d, err := market.Distribute(r, c)
	if err != nil {
		t.Fatal(err)
	}
	got := map[assay.Key]assay.Amount{}
	for _, x := range d.Credits {
		got[x.To] += x.Amount
	}
	want := map[assay.Key]assay.Amount{{10}: 250, {11}: 250, {12}: 150, owner: 257}
	for k, a := range want {
		if got[k] != a {
			t.Errorf("%s gets %s, want %s", k.Short(), got[k], a)
		}
	}
	if len(got) != len(want) || d.Pool != 15 || d.Burned != 1650 {
		t.Errorf("%v, pool %s, burned %s", got, d.Pool, d.Burned)
	}
	if s := d.Seats[2]; s.Slashed != 1500 || s.Release != 0 {
		t.Errorf("seat 2: %+v", s)
	}
	if s := d.Seats[4]; !s.Late || s.Release != 1500 {
		t.Errorf("seat 4: %+v", s)
	}
}

// disputed adds to a settlement the claims of a dispute: one survived, one lost.
func disputed() (*assay.Record, market.Case) {
	r, c := settled()
	r.Settlement.Claims = []assay.ClaimEnd{
		{Claim: 0, Author: assay.Key{10}, Bond: 5000, Returned: 5000, Costs: 700, Bounty: 50},
		{Claim: 1, Author: assay.Key{12}, Bond: 5000},
	}
	r.Settlement.Posters = []assay.Payment{{To: thief, Amount: 250, Code: "program-posted"}}
	r.Settlement.Burned += 4000
	c.Claims = 10_000
	return r, c
}

// TestDistributeClaims gives bonds, costs and bounties to the last coin.
func TestDistributeClaims(t *testing.T) {
	r, c := disputed()
	d, err := market.Distribute(r, c)
	if err != nil {
		t.Fatal(err)
	}
	got := map[assay.Key]assay.Amount{}
	for _, x := range d.Credits {
		got[x.To] += x.Amount
	}
	if got[assay.Key{10}] != 250+5750 || got[assay.Key{12}] != 150 || got[thief] != 250 || d.Burned != 5650 {
		t.Errorf("%v, burned %s", got, d.Burned)
	}
	for name, edit := range map[string]func(*assay.Record, *market.Case){
		"a bond more than held":   func(_ *assay.Record, c *market.Case) { c.Claims-- },
		"a bond that is not held": func(r *assay.Record, _ *market.Case) { r.Settlement.Claims[1].Bond++; r.Settlement.Burned++ },
		"a coin more returned":    func(r *assay.Record, _ *market.Case) { r.Settlement.Claims[1].Returned++ },
		"a coin more for costs":   func(r *assay.Record, _ *market.Case) { r.Settlement.Claims[0].Costs++ },
		"a coin less of bounty":   func(r *assay.Record, _ *market.Case) { r.Settlement.Claims[0].Bounty-- },
		"a claim left out":        func(r *assay.Record, _ *market.Case) { r.Settlement.Claims = r.Settlement.Claims[:1] },
		"a poster more":           func(r *assay.Record, _ *market.Case) { r.Settlement.Posters[0].Amount++ },
		"sums that wrap": func(r *assay.Record, _ *market.Case) {
			r.Settlement.Claims[0].Costs, r.Settlement.Claims[0].Bounty = 1<<63, 1<<63
		},
	} {
		r, c := disputed()
		edit(r, &c)
		if _, err := market.Distribute(r, c); assay.CodeOf(err) != market.CodeUnbalanced {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDistributeRefuses alters a settlement by one coin in every place.
func TestDistributeRefuses(t *testing.T) {
	for name, edit := range map[string]func(*assay.Record, *market.Case){
		"a coin more to a provider":  func(r *assay.Record, _ *market.Case) { r.Settlement.Payments[0].Amount++ },
		"a coin less to a provider":  func(r *assay.Record, _ *market.Case) { r.Settlement.Payments[0].Amount-- },
		"paid and refunded":          func(r *assay.Record, _ *market.Case) { r.Settlement.Payments[2].Amount = 472 },
		"a coin more to the pool":    func(r *assay.Record, _ *market.Case) { r.Settlement.Payments[3].Amount++ },
		"a coin less burned":         func(r *assay.Record, _ *market.Case) { r.Settlement.Burned-- },
		"another escrow":             func(r *assay.Record, c *market.Case) { c.Escrow++ },
		"more slashed than locked":   func(r *assay.Record, _ *market.Case) { r.Settlement.Faults[0].Slashed++; r.Settlement.Burned++ },
		"more forfeited than bonded": func(r *assay.Record, _ *market.Case) { r.Settlement.Faults[1].Penalty++; r.Settlement.Burned++ },
		"a forfeit without a bond":   func(r *assay.Record, _ *market.Case) { r.Settlement.Faults[2].Penalty++; r.Settlement.Burned++ },
		"a fault of no seat":         func(r *assay.Record, _ *market.Case) { r.Settlement.Faults[2].Seat = 9 },
		"a fault of another key":     func(r *assay.Record, _ *market.Case) { r.Settlement.Faults[0].Provider = owner },
		"a compensation from nobody": func(_ *assay.Record, c *market.Case) { c.Compensation++ },
		"payments that wrap": func(r *assay.Record, _ *market.Case) {
			r.Settlement.Payments = append(r.Settlement.Payments, assay.Payment{To: thief, Amount: 1 << 63}, assay.Payment{To: thief, Amount: 1 << 63})
		},
	} {
		r, c := settled()
		edit(r, &c)
		if _, err := market.Distribute(r, c); assay.CodeOf(err) != market.CodeUnbalanced {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTreeAgainstMerkle holds the tree, as it grows and changes, to the plain
// tree over the same leaves, and its paths to the verifier that receipts use.
func TestTreeAgainstMerkle(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var listings []assay.Listing
		var tree market.Tree
		for range rapid.IntRange(1, 12).Draw(rt, "rounds") {
			past, pastRoot := tree, tree.Root()
			var changes []market.Change
			n := len(listings)
			for slot := range n + rapid.IntRange(0, 9).Draw(rt, "new") {
				if slot >= n || rapid.IntRange(0, 3).Draw(rt, "change") == 0 {
					l := assay.Listing{Owner: assay.Key{byte(slot)}, Provider: assay.Key{byte(slot), 1}, Price: 5, Free: assay.Amount(rapid.Uint64Range(0, 50).Draw(rt, "free"))}
					changes = append(changes, market.Change{Slot: uint64(slot), Listing: l})
					if slot >= n {
						listings = append(listings, l)
					} else {
						listings[slot] = l
					}
				}
			}
			tree = tree.With(changes)
			checkTree(rt, tree, listings)
			if past.Root() != pastRoot {
				rt.Fatal("a change has touched the tree before it")
			}
		}
		if market.NewTree(listings).Root() != tree.Root() {
			rt.Fatal("built at once, the tree differs")
		}
	})
}

func checkTree(rt *rapid.T, tree market.Tree, listings []assay.Listing) {
	var leaves []merkle.SumNode
	for i := range listings {
		leaves = append(leaves, board.Leaf(listings[i]))
		if got := tree.At(uint64(i)); got.Provider != listings[i].Provider || got.Free != listings[i].Free {
			rt.Fatalf("slot %d holds %+v", i, got)
		}
	}
	if tree.Root() != merkle.SumRoot(leaves) || tree.Len() != uint64(len(leaves)) {
		rt.Fatalf("root %v of %d, want %v", tree.Root(), tree.Len(), merkle.SumRoot(leaves))
	}
	for number := range tree.Root().Weight {
		l, path := tree.Find(number)
		if err := merkle.VerifySum(tree.Root(), number, board.Leaf(l), path); err != nil {
			rt.Fatal(err)
		}
	}
}

// TestStakeAgainstModel drives one provider at random and holds it to two
// numbers.
func TestStakeAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p, _ := market.Provider{}.Post(offer(1000))
		var stake, locked int64
		for range rapid.IntRange(0, 60).Draw(rt, "steps") {
			a := rapid.Int64Range(0, 100).Draw(rt, "amount")
			var next market.Provider
			var err error
			ok := true
			ds, dl := int64(0), int64(0)
			switch rapid.IntRange(0, 4).Draw(rt, "op") {
			case 0:
				next, err = p.AddStake(owner, assay.Amount(a))
				ds = a
			case 1:
				next, err = p.TakeStake(owner, assay.Amount(a))
				ds, ok = -a, a <= stake-locked
			case 2:
				next, err = p.Assign(assay.Amount(a))
				dl, ok = a, a <= stake-locked
			case 3:
				next, err = p.Release(assay.Amount(a))
				dl, ok = -a, a <= locked
			case 4:
				next, err = p.Slash(assay.Amount(a))
				ds, dl, ok = -a, -a, a <= locked
			}
			if (err == nil) != ok {
				rt.Fatalf("err %v, the model says %t", err, ok)
			}
			if err == nil {
				p, stake, locked = next, stake+ds, locked+dl
			}
			if int64(p.Stake) != stake || int64(p.Locked) != locked {
				rt.Fatalf("stake %s locked %s, the model says %d and %d", p.Stake, p.Locked, stake, locked)
			}
		}
	})
}
