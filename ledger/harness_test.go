package ledger_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/ledger"
)

// world is a network of named parties over one ledger: what a script or a
// property test drives.
type world struct {
	genesis  *assay.Genesis
	store    *ledger.MemStore
	ledger   *ledger.Ledger
	options  ledger.Options
	signed   bool // transactions carry real signatures
	restart  bool // a new ledger over the same store for every block
	height   uint64
	now      assay.Time
	nonce    uint64
	names    map[assay.Key]string
	keys     map[string]ed25519.PrivateKey
	jobs     map[string]assay.Job
	jobNames map[assay.JobID]string
	blocks   []assay.Block
}

const genesisTime assay.Time = 1_000_000

// testLimits are fixed, so that no default of a command line moves a script.
var testLimits = assay.Limits{Fuel: 10_000_000_000, Memory: 256 << 20, Frames: 4096, Slots: 1 << 18, Output: 64 << 20, Files: 256}

// testParams are small round numbers, with clocks long enough for the full step
// of five seconds a block.
func testParams() assay.Params {
	p := assay.LocalParams()
	p.FeePerByte, p.FeePerGas, p.FeeMin = 1, 1, 10
	p.MinStake = 1000
	p.TagClock, p.OpenClock, p.AvailableClock, p.ClockStep = 15_000, 15_000, 15_000, assay.MaxClockStep
	return p
}

func newWorld(t testing.TB, params assay.Params, validators int, rich ...string) *world {
	t.Helper()
	w := &world{
		options: ledger.Options{Unsigned: true, Scan: true}, now: genesisTime,
		names: map[assay.Key]string{}, keys: map[string]ed25519.PrivateKey{},
		jobs: map[string]assay.Job{}, jobNames: map[assay.JobID]string{},
	}
	w.genesis = &assay.Genesis{Version: 1, Name: "test", Kind: assay.Dev, Time: genesisTime, Rules: ledger.RulesVersion(), Params: params}
	for i := range validators {
		name := fmt.Sprintf("v%d", i+1)
		k := w.key(name)
		w.genesis.Validators = append(w.genesis.Validators, assay.Validator{Name: name, Consensus: k, Beacon: k, Account: k, Power: uint64(10 * (i + 1))})
	}
	for _, name := range rich {
		w.genesis.Accounts = append(w.genesis.Accounts, assay.Allocation{Account: w.key(name), Amount: 1_000_000_000})
	}
	sortAllocations(w.genesis.Accounts)
	w.store = ledger.NewMemStore()
	if err := ledger.Init(w.store, w.genesis); err != nil {
		t.Fatal(err)
	}
	w.open(t)
	return w
}

func sortAllocations(list []assay.Allocation) {
	slices.SortFunc(list, func(a, b assay.Allocation) int { return slices.Compare(a.Account[:], b.Account[:]) })
}

func (w *world) open(t testing.TB) {
	t.Helper()
	l, err := ledger.Open(w.store, w.genesis, w.options)
	if err != nil {
		t.Fatal(err)
	}
	w.ledger = l
}

// private returns the secret of a name.
func (w *world) private(name string) ed25519.PrivateKey {
	if k, ok := w.keys[name]; ok {
		return k
	}
	seed := sha256.Sum256([]byte(name))
	k := ed25519.NewKeyFromSeed(seed[:])
	w.keys[name] = k
	w.names[assay.KeyOf(k)] = name
	return k
}

func (w *world) key(name string) assay.Key { return assay.KeyOf(w.private(name)) }

func (w *world) name(k assay.Key) string {
	if n, ok := w.names[k]; ok {
		return n
	}
	return k.Short()
}

// tx builds a transaction of one signer.
func (w *world) tx(signer string, messages ...assay.Message) []byte {
	w.nonce++
	return w.txAt(signer, w.nonce, w.height+50, messages...)
}

func (w *world) txAt(signer string, nonce, expiry uint64, messages ...assay.Message) []byte {
	if w.signed {
		return assay.SignTx(w.ledger.Network(), w.private(signer), nonce, expiry, messages...).Bytes()
	}
	tx := &assay.Tx{Version: 1, Network: w.ledger.Network(), Signer: w.key(signer), Nonce: nonce, Expiry: expiry}
	for _, m := range messages {
		tx.Messages = append(tx.Messages, assay.Wrap(m))
	}
	return tx.Bytes()
}

// beaconAt is the beacon of a height in tests.
func beaconAt(height uint64) assay.Beacon {
	return assay.Beacon{Value: canon.Hash("test/beacon", []byte{byte(height), byte(height >> 8)})}
}

// apply makes the next block, dt milliseconds later.
func (w *world) apply(t testing.TB, dt assay.Millis, txs ...[]byte) ledger.Outcome {
	t.Helper()
	out, err := w.try(t, dt, txs...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (w *world) try(t testing.TB, dt assay.Millis, txs ...[]byte) (ledger.Outcome, error) {
	t.Helper()
	if w.restart {
		w.open(t)
	}
	w.height++
	w.now = w.now.Add(dt)
	b := assay.Block{Height: w.height, Time: w.now, Beacon: beaconAt(w.height), Txs: txs}
	w.blocks = append(w.blocks, b)
	return w.ledger.Apply(b)
}

// mustApply is apply for blocks in which nothing may be refused.
func (w *world) mustApply(t testing.TB, dt assay.Millis, txs ...[]byte) ledger.Outcome {
	t.Helper()
	out := w.apply(t, dt, txs...)
	for i, r := range out.Results {
		if r.Code != "" {
			t.Fatalf("block %d, transaction %d: %s: %s", w.height, i, r.Code, r.Detail)
		}
	}
	return out
}

// offer lists a provider that owns itself.
func (w *world) offer(name string, price assay.Amount, capacity uint32) *assay.PostOffer {
	k := w.key(name)
	return &assay.PostOffer{Offer: assay.Offer{Provider: k, Owner: k, Price: price, Runtimes: []string{assay.RuntimeWasm}, Capacity: capacity}}
}

// listProviders puts n providers p1… on the market.
func (w *world) listProviders(t testing.TB, n int, price, stake assay.Amount, capacity uint32) {
	t.Helper()
	var txs [][]byte
	for i := range n {
		name := fmt.Sprintf("p%d", i+1)
		txs = append(txs, w.tx(name, w.offer(name, price, capacity), &assay.Stake{Provider: w.key(name), Amount: stake}))
	}
	for chunk := range slices.Chunk(txs, 500) {
		w.mustApply(t, 1000, chunk...)
	}
}

// job returns the job of a name.
func (w *world) job(name, requester, policy string, price assay.Amount, deadline assay.Millis) *assay.Submit {
	j := assay.Job{
		Version: 1, Runtime: assay.RuntimeWasm, Program: assay.Digest{1}, Args: []string{name},
		Limits: testLimits, Policy: policy, MaxPrice: price, Deadline: w.now.Add(deadline), Requester: w.key(requester),
	}
	w.remember(name, j)
	return &assay.Submit{Job: j}
}

func (w *world) remember(name string, j assay.Job) {
	w.jobs[name] = j
	w.jobNames[j.ID()] = name
}

// result returns the result of a name.
func result(name string) assay.Result {
	return assay.Result{Status: assay.Exited, Fuel: 7, Output: assay.Digest(sha256.Sum256([]byte("out " + name))), State: assay.Digest(sha256.Sum256([]byte(name)))}
}

func (w *world) salt(provider string, job assay.JobID, seat uint16) assay.Digest {
	return assay.SaltOf([]byte(provider), job, seat)
}

func (w *world) commit(c *board.Case, s *board.Seat, as string) *assay.Commit {
	r := result(as)
	return &assay.Commit{Job: c.ID, Seat: s.Number, Commit: assay.CommitTo(w.ledger.Network(), c.ID, s.Number, s.Role, s.Provider, w.salt(w.name(s.Provider), c.ID, s.Number), r.Digest())}
}

func (w *world) tag(c *board.Case, s *board.Seat, as string) *assay.Tag {
	r := result(as)
	return &assay.Tag{Job: c.ID, Seat: s.Number, Tag: assay.TagOf(c.ID, r.Digest())}
}

func (w *world) openSeat(c *board.Case, s *board.Seat, as string) *assay.Open {
	return &assay.Open{Job: c.ID, Seat: s.Number, Salt: w.salt(w.name(s.Provider), c.ID, s.Number), Result: result(as)}
}

// next returns what an honest party would send for a case: the messages of its
// seats in the phase that it is in, and the validator's attestation.
func (w *world) next(c *board.Case, as string) [][]byte {
	var txs [][]byte
	for i := range c.Seats {
		s := &c.Seats[i]
		name := w.name(s.Provider)
		switch {
		case s.State == assay.Assigned:
			txs = append(txs, w.tx(name, w.commit(c, s, as)))
		case s.State == assay.Committed && c.Phase == board.Tagging:
			txs = append(txs, w.tx(name, w.tag(c, s, as)))
		case s.State == assay.Tagged && c.Phase == board.Opening:
			txs = append(txs, w.tx(name, w.openSeat(c, s, as)))
		}
	}
	if c.Phase == board.Fetching {
		for _, v := range w.genesis.Validators {
			txs = append(txs, w.tx(w.name(v.Account), &assay.Attest{Job: c.ID, Output: c.Verdict.Result.Output}))
		}
	}
	return txs
}

// settle drives every open case honestly to its end.
func (w *world) settle(t testing.TB) {
	t.Helper()
	for range 60 {
		open := w.ledger.Cases(ledger.Filter{Open: true})
		if len(open) == 0 {
			return
		}
		var txs [][]byte
		for _, c := range open {
			txs = append(txs, w.next(c, "right")...)
		}
		if len(txs) == 0 {
			txs = append(txs, w.tx("v1", &assay.Tick{}))
		}
		w.apply(t, 1000, txs...)
	}
	t.Fatal("cases do not end")
}
