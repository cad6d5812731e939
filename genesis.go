package assay

import (
	"slices"

	"github.com/capacloud/assay/canon"
)

// NetworkKind says how much a network's signatures can mean.
type NetworkKind string

// The kinds of network.
const (
	// InProcess networks run every party in one process: their receipts show
	// reproducibility, not independence.
	InProcess NetworkKind = "in-process"
	// Dev networks are real and have a faucet.
	Dev NetworkKind = "dev"
	// Public networks have neither.
	Public NetworkKind = "public"
)

// Genesis fixes a network. Its hash is the NetworkID, and a verifier who holds
// it needs nothing else: it is the trust anchor.
type Genesis struct {
	_          struct{} `cbor:",toarray"`
	Version    uint8    // 1
	Name       string
	Kind       NetworkKind
	Time       Time
	Rules      Digest // rules version, see ledger.RulesVersion
	Validators []Validator
	Accounts   []Allocation
	Params     Params
}

// Validator is one of the parties that order transactions.
type Validator struct {
	_         struct{} `cbor:",toarray"`
	Name      string
	Consensus Key // signs blocks
	Beacon    Key // VRF key (RFC 9381) of the beacon, apart from the consensus key
	Account   Key // signs attestations and ticks, receives fees
	Power     uint64
}

// Allocation is a balance at genesis.
type Allocation struct {
	_       struct{} `cbor:",toarray"`
	Account Key
	Amount  Amount
}

// Params are the network's numbers. They do not change in this version.
type Params struct {
	_ struct{} `cbor:",toarray"`

	// Fees. Every included transaction pays, also when refused.
	FeePerByte  Amount
	FeePerGas   Amount // per 1,000 gas units
	ProtocolFee PPM    // of what a job pays out
	FeeMin      Amount // least protocol fee, also when undecided

	// Clocks. A commit is due after Slack + job bytes / FetchRate + fuel limit
	// / FuelRate; rates are tenfold below what a slow machine does.
	FetchRate      uint64 // bytes per second
	FuelRate       uint64 // fuel per second
	Slack          Millis
	TagClock       Millis
	OpenClock      Millis
	AvailableClock Millis
	// ClockStep is the most that the clock gains in one block, at most
	// MaxClockStep and well below the shortest clock: otherwise one block after
	// a pause (a laptop that slept) closes a window that nobody could use.
	ClockStep Millis

	// Disputes. A move is due after MoveSlack + steps of its interval /
	// MachineRate; a first claim and the window behind the last dispute after
	// ChallengeSlack + claimed steps / MachineRate.
	MachineRate    uint64 // steps of the canonical machine per second
	MoveSlack      Millis
	ChallengeSlack Millis
	WatchShare     PPM // of the jobs under optimistic that get a watcher drawn

	// Proofs. A seat that has opened under a check that wants a proof has
	// ProofClock for it; MaxEvidence bounds one piece of evidence.
	ProofClock  Millis
	MaxEvidence uint32 // bytes

	// Stakes and bonds.
	StakeTimes  uint32 // stake locked per assignment, in multiples of the job's MaxPrice
	Bond        PPM    // bond locked with a commit, of the job's MaxPrice
	Unavailable PPM    // share of the bond forfeited when bytes cannot be had; half of it burned
	MinStake    Amount // below it an offer is not drawn

	// Liability is how long after settlement a result stays open to a fraud
	// proof. Zero: the settlement is final.
	Liability Millis

	// Limits.
	MaxTxBytes  uint64
	BlockGas    uint64
	MaxDue      uint32 // deadlines that act in one block
	TxWindow    uint64 // blocks; a transaction expires at most that far ahead
	FaucetLimit Amount // per request; zero: no faucet
}

// MaxEvidenceBytes is the most that a network may allow one piece of evidence.
const MaxEvidenceBytes = 16 << 20

// CodeGenesis refuses a genesis with a field out of range.
const CodeGenesis Code = "bad-genesis"

// ID returns the network's identity.
func (g *Genesis) ID() NetworkID { return canon.HashValue("assay/genesis/1", g) }

// ChainID returns the identifier in the headers of the chain. It commits to the
// genesis within CometBFT's limit of 50 characters.
func (g *Genesis) ChainID() string {
	id := g.ID()
	return "assay-" + id.String()[len("sha256:"):len("sha256:")+40]
}

// TotalPower returns the sum of the validators' powers.
func (g *Genesis) TotalPower() uint64 {
	var total uint64
	for _, v := range g.Validators {
		total += v.Power
	}
	return total
}

// ValidatorOf returns the validator with an account.
func (g *Genesis) ValidatorOf(account Key) (Validator, bool) {
	i := slices.IndexFunc(g.Validators, func(v Validator) bool { return v.Account == account })
	if i < 0 {
		return Validator{}, false
	}
	return g.Validators[i], true
}

// DefaultParams are the numbers of a public network; networks of one machine
// shorten the clocks with LocalParams.
func DefaultParams() Params {
	return Params{
		FeePerByte: 1, FeePerGas: 1, ProtocolFee: 50_000, FeeMin: 10,
		FetchRate: 1 << 20, FuelRate: 100_000_000, Slack: 30_000,
		TagClock: 30_000, OpenClock: 30_000, AvailableClock: 60_000, ClockStep: MaxClockStep,
		MachineRate: 20_000_000, MoveSlack: 60_000, ChallengeSlack: 120_000, WatchShare: 50_000,
		ProofClock: 60_000, MaxEvidence: 4 << 20,
		StakeTimes: 10, Bond: Whole, Unavailable: 500_000, MinStake: 1_000_000,
		Liability:  24 * 3600 * 1000,
		MaxTxBytes: 1 << 20, BlockGas: 50_000_000, MaxDue: 1000, TxWindow: 1000,
	}
}

// LocalParams are those of dev and in-process networks, where every party runs
// on one machine and three seconds are long.
func LocalParams() Params {
	p := DefaultParams()
	p.FetchRate, p.FuelRate, p.Slack = 64<<20, 1_000_000_000, 3_000
	p.TagClock, p.OpenClock, p.AvailableClock, p.ClockStep = 3_000, 3_000, 3_000, 1_000
	p.MachineRate, p.MoveSlack, p.ChallengeSlack, p.WatchShare = 400_000_000, 3_000, 3_000, 0
	p.ProofClock = 3_000
	p.Liability = 0 // the network ends with its process
	p.FaucetLimit = 1_000_000_000_000
	return p
}

// CommitClock returns how long a drawn provider has until its commit is due.
func (p *Params) CommitClock(job *Job, fetchBytes uint64) Millis {
	return p.RedoClock(job.Limits.Fuel, fetchBytes)
}

// ProofTime returns how long a seat that has opened has for its proof. What the
// job's fuel limit says of its length is true of the proof, too.
func (p *Params) ProofTime(job *Job) Millis {
	return p.ProofClock + Millis(job.Limits.Fuel/p.FuelRate*1000)
}

// RedoClock returns how long fetching a job's bytes and executing so much fuel
// takes a slow machine.
func (p *Params) RedoClock(fuel, fetchBytes uint64) Millis {
	return p.Slack + Millis(fetchBytes*1000/p.FetchRate) + Millis(fuel/p.FuelRate*1000)
}

// Fee returns what a transaction of size bytes and so much gas costs.
func (p *Params) Fee(size int, gas uint64) (Amount, error) {
	bytes, err := p.FeePerByte.Mul(uint64(size))
	if err != nil {
		return 0, err
	}
	units, err := p.FeePerGas.Mul(gas)
	if err != nil {
		return 0, err
	}
	return bytes.Add(units/1000 + min(1, units%1000))
}

// Validate refuses a genesis with a field out of range.
func (g *Genesis) Validate() error {
	switch {
	case g.Version != 1:
		return Refuse(CodeGenesis, "version %d, this is 1", g.Version)
	case g.Name == "" || len(g.Name) > 64:
		return Refuse(CodeGenesis, "name of %d bytes", len(g.Name))
	case g.Kind != InProcess && g.Kind != Dev && g.Kind != Public:
		return Refuse(CodeGenesis, "kind %.20q", string(g.Kind))
	case len(g.Validators) == 0 || len(g.Validators) > 200:
		return Refuse(CodeGenesis, "%d validators", len(g.Validators))
	case g.Kind == Public && g.Params.FaucetLimit != 0:
		return Refuse(CodeGenesis, "a public network has no faucet")
	}
	for i, v := range g.Validators {
		if v.Power == 0 || v.Power > 1<<40 {
			return Refuse(CodeGenesis, "validator %d has power %d", i, v.Power)
		}
	}
	var supply Amount
	for i, a := range g.Accounts {
		if i > 0 && string(g.Accounts[i-1].Account[:]) >= string(a.Account[:]) {
			return Refuse(CodeGenesis, "account %s is out of order or twice", a.Account.Short())
		}
		var err error
		if supply, err = supply.Add(a.Amount); err != nil {
			return Refuse(CodeGenesis, "supply overflows")
		}
	}
	return g.Params.Validate()
}

// Validate refuses numbers that would divide by zero, overflow or stop the
// network.
func (p *Params) Validate() error {
	switch {
	case p.FetchRate == 0 || p.FuelRate == 0 || p.MachineRate == 0:
		return Refuse(CodeGenesis, "rates must not be zero")
	case max(p.ProtocolFee, p.Bond, p.Unavailable, p.WatchShare) > Whole:
		return Refuse(CodeGenesis, "shares must not exceed %d", Whole)
	case p.Slack < 0 || p.TagClock <= 0 || p.OpenClock <= 0 || p.AvailableClock <= 0 || p.MoveSlack <= 0 || p.ChallengeSlack <= 0 || p.ProofClock <= 0 || p.Liability < 0:
		return Refuse(CodeGenesis, "clocks must be positive")
	case p.ClockStep <= 0 || p.ClockStep > MaxClockStep:
		return Refuse(CodeGenesis, "clock step of %d ms; the range is 1 to %d", p.ClockStep, MaxClockStep)
	case p.MaxEvidence > MaxEvidenceBytes:
		return Refuse(CodeGenesis, "evidence of %d bytes; at most %d", p.MaxEvidence, MaxEvidenceBytes)
	case p.MaxTxBytes < 1024 || p.MaxTxBytes > 8<<20 || p.BlockGas == 0 || p.MaxDue == 0 || p.TxWindow == 0:
		return Refuse(CodeGenesis, "limits out of range")
	}
	return nil
}
