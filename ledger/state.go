package ledger

import (
	"fmt"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/market"
	"github.com/capacloud/assay/reputation"
)

// Account is what a key has to spend.
type Account struct {
	_       struct{} `cbor:",toarray"`
	Balance assay.Amount
}

// Provider is a provider key as the ledger keeps it.
type Provider struct {
	_      struct{} `cbor:",toarray"`
	Market market.Provider
	Scores []reputation.Score
}

// Meta is the ledger's own figures: where it stands, and the books. The sums
// are kept up by differences of what is written, and must add up after every
// block: Genesis + Minted − Burned = Balances + Stakes + Escrows + Bonds + Pool.
type Meta struct {
	_        struct{} `cbor:",toarray"`
	Network  assay.NetworkID
	Moment   assay.Moment // of the last block that changed anything
	Slots    uint64       // leaves of the sum tree
	Genesis  assay.Amount
	Minted   assay.Amount // by faucets
	Burned   assay.Amount
	Balances assay.Amount
	Stakes   assay.Amount
	Escrows  assay.Amount // of open cases
	Bonds    assay.Amount // of seats and claims, in open cases and running appeals
	Pool     assay.Amount // fees not yet paid to validators
}

// Supply is how many coins there are.
func (m *Meta) Supply() assay.Amount { return m.Genesis + m.Minted - m.Burned }

// check is the invariant of every block.
func (m *Meta) check() error {
	var sum assay.Amount
	for _, a := range []assay.Amount{m.Balances, m.Stakes, m.Escrows, m.Bonds, m.Pool} {
		var err error
		if sum, err = sum.Add(a); err != nil {
			return fmt.Errorf("ledger: the books overflow: %w", err)
		}
	}
	if sum != m.Supply() {
		return fmt.Errorf("ledger: supply %d (genesis %d, minted %d, burned %d) but %d are held (balances %d, stakes %d, escrows %d, bonds %d, pool %d)",
			m.Supply(), m.Genesis, m.Minted, m.Burned, sum, m.Balances, m.Stakes, m.Escrows, m.Bonds, m.Pool)
	}
	return nil
}

// before is the sum tree's difference to the block before: listings as they
// stood, and how many slots there were. A draw uses the tree of the block
// before the one that raised it, which is older than the current one by this.
type before struct {
	_       struct{} `cbor:",toarray"`
	Slots   uint64
	Changes []market.Change
}

// Program is a program on its way to an image.
type Program struct {
	_      struct{} `cbor:",toarray"`
	Size   uint64
	Have   uint64 // chunk n is on record: bit n
	Queued uint64 // height at which all of it was posted; zero: not yet
	Steps  uint64 // of lowering, of lowerBytes each
}

// complete reports whether all of the program is on record.
func (p *Program) complete() bool {
	n := board.Chunks(p.Size)
	return n > 0 && p.Have == 1<<n-1
}

// liability is stake that stays locked after a settlement.
type liability struct {
	_        struct{} `cbor:",toarray"`
	Provider assay.Key
	Stake    assay.Amount
}

// lockedBy returns what an open case holds of its requester and its providers.
func lockedBy(c *board.Case) (escrow, bonds assay.Amount) {
	if c == nil || c.Settled() {
		return 0, 0
	}
	return c.Escrow, bondsOf(c) + c.ClaimBonds()
}

// bondsOf sums the bonds that were locked: those of the seats that committed.
func bondsOf(c *board.Case) assay.Amount {
	var sum assay.Amount
	for i := range c.Seats {
		sum += bondOf(&c.Seats[i]) // each was paid from a balance, so the sum is within the supply
	}
	return sum
}

func bondOf(s *board.Seat) assay.Amount {
	if s.Commit.IsZero() {
		return 0
	}
	return s.Bond
}

// load reads a value of ours. What is in the store was written by Apply, so
// bytes that do not decode mean a broken disk or a bug, and there is no going on.
func load[V any](s Store, key []byte) (V, bool) {
	var v V
	b := s.Get(key)
	if b == nil {
		return v, false
	}
	return decode[V](key, b), true
}

func decode[V any](key, b []byte) V {
	var v V
	if err := canon.Unmarshal(b, &v); err != nil {
		panic(fmt.Sprintf("ledger: state under %x: %v", key, err))
	}
	return v
}
