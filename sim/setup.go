package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/adversary"
)

// Setup is everything that a run depends on, drawn from a seed or written by a
// script.
type Setup struct {
	Seed       uint64
	Providers  int
	Bad        adversary.Counts
	Turn       int  // the variant with which kinds that have several begin
	Shared     bool // two providers may belong to one owner
	Validators int
	Policies   []string     // one job each
	Program    string       // that every job runs, by name; empty: drawn
	Epochs     bool         // every job runs a program with epochs
	Proofs     bool         // every job is of a runtime whose results are proved
	Forgeries  []forgery    // of the poisoners, in turn; empty: all of them
	Patience   assay.Millis // until a job's deadline; zero: ten minutes
	Clocks     assay.Millis
	Liability  assay.Millis
	WatchShare assay.PPM
	Watchers   int              // honest strangers who watch
	Against    adversary.Counts // strangers who watch, and cheat
	Sybils     int              // strangers who claim what colluders tell, every second one by a trace of its own
	Kin        bool             // the first of them signs with the key of the last provider's owner
	Spy        bool             // so does the first honest one who watches
	ProveSteps uint64           // segments up to which are proved when their witness is small
	Signed     bool             // real signatures
	Faults     Faults
}

// Faults are what is wrong with the world. The zero value is a calm one.
type Faults struct {
	Delay     assay.Millis // of a message, at most; they overtake one another
	Drop      int          // per cent of messages lost, never more than two in a row
	Duplicate int          // per cent of messages that come twice
	Partition bool         // some machines are cut off for up to a minute
	Crash     bool         // some honest providers crash in a random phase and come back
	Amnesia   bool         // and have lost their results
	Flaky     bool         // an execution may fail at first
	Halt      bool         // the chain stops for up to an hour
	Idle      bool         // an hour passes between jobs
	LateTicks bool         // ticks come up to four seconds late
	Vanish    bool         // some requesters submit and are never seen again
	Deaf      int          // validators that never attest
	Restart   int          // per cent of blocks after which the ledger starts again from its bytes
	Tight     bool         // deadlines are as early as the ledger admits
	Repeat    bool         // jobs repeat work that was settled before
	Spread    bool         // providers hold very different stakes
	Heckle    bool         // a stranger sends what it has no say in, and parties play for one another
	Hidden    bool         // some requesters keep program and inputs from all but the cheats
	Tardy     bool         // who watches begins only when the jobs have come
	Doze      bool         // who watches crashes now and then, and comes back
	Kill      bool         // validators withdraw the verifying key at some time
	Dying     int          // honest providers that die for good in the middle of an epoch, at most
}

// String lists the faults that are on.
func (f Faults) String() string {
	var on []string
	for _, s := range switches {
		if s.is(&f) {
			on = append(on, s.name)
		}
	}
	return strings.Join(on, ",")
}

// switches turn single faults off; see Shrink.
var switches = []struct {
	name string
	is   func(*Faults) bool
	off  func(*Faults)
}{
	{"drop", func(f *Faults) bool { return f.Drop > 0 }, func(f *Faults) { f.Drop = 0 }},
	{"duplicate", func(f *Faults) bool { return f.Duplicate > 0 }, func(f *Faults) { f.Duplicate = 0 }},
	{"partition", func(f *Faults) bool { return f.Partition }, func(f *Faults) { f.Partition = false }},
	{"crash", func(f *Faults) bool { return f.Crash }, func(f *Faults) { f.Crash = false }},
	{"amnesia", func(f *Faults) bool { return f.Amnesia }, func(f *Faults) { f.Amnesia = false }},
	{"flaky", func(f *Faults) bool { return f.Flaky }, func(f *Faults) { f.Flaky = false }},
	{"halt", func(f *Faults) bool { return f.Halt }, func(f *Faults) { f.Halt = false }},
	{"idle", func(f *Faults) bool { return f.Idle }, func(f *Faults) { f.Idle = false }},
	{"late-ticks", func(f *Faults) bool { return f.LateTicks }, func(f *Faults) { f.LateTicks = false }},
	{"vanish", func(f *Faults) bool { return f.Vanish }, func(f *Faults) { f.Vanish = false }},
	{"deaf", func(f *Faults) bool { return f.Deaf > 0 }, func(f *Faults) { f.Deaf = 0 }},
	{"restart", func(f *Faults) bool { return f.Restart > 0 }, func(f *Faults) { f.Restart = 0 }},
	{"tight", func(f *Faults) bool { return f.Tight }, func(f *Faults) { f.Tight = false }},
	{"repeat", func(f *Faults) bool { return f.Repeat }, func(f *Faults) { f.Repeat = false }},
	{"heckle", func(f *Faults) bool { return f.Heckle }, func(f *Faults) { f.Heckle = false }},
	{"hidden", func(f *Faults) bool { return f.Hidden }, func(f *Faults) { f.Hidden = false }},
	{"tardy", func(f *Faults) bool { return f.Tardy }, func(f *Faults) { f.Tardy = false }},
	{"doze", func(f *Faults) bool { return f.Doze }, func(f *Faults) { f.Doze = false }},
	{"dying", func(f *Faults) bool { return f.Dying > 0 }, func(f *Faults) { f.Dying = 0 }},
	{"kill", func(f *Faults) bool { return f.Kill }, func(f *Faults) { f.Kill = false }},
	{"spread", func(f *Faults) bool { return f.Spread }, func(f *Faults) { f.Spread = false }},
}

// runtime is that of all jobs.
func (s *Setup) runtime() string {
	if s.Proofs {
		return assay.RuntimeZKVM
	}
	return assay.RuntimeWasm
}

// String describes a setup in one line.
func (s Setup) String() string {
	var bad []string
	for _, k := range append(adversary.Kinds(), adversary.Poison) {
		if n := s.Bad[k]; n > 0 {
			bad = append(bad, fmt.Sprintf("%s %d", k, n))
		}
	}
	var against []string
	for _, p := range s.against() {
		against = append(against, p.String())
	}
	return fmt.Sprintf("seed %d: %d providers (%s), watched by [%s], %d validators, clocks %d ms, liability %d ms, %s, delay %d ms, faults [%s]",
		s.Seed, s.Providers, strings.Join(bad, ", "), strings.Join(against, ", "), s.Validators, s.Clocks, s.Liability,
		strings.Join(s.Policies, " + "), s.Faults.Delay, s.Faults)
}

// against lists who watches: the honest first, sybils last.
func (s Setup) against() []adversary.Player {
	n := s.Watchers
	for _, k := range s.Against {
		n += k
	}
	players, err := adversary.Assign(n, s.Against)
	if err != nil {
		panic(err)
	}
	return append(players, slices.Repeat([]adversary.Player{{Kind: adversary.Collude}}, s.Sybils)...)
}

// policies are what jobs ask for, in canonical text.
var policies = []string{
	"quorum(1)", "quorum(2)", "quorum(3)", "quorum(3)", "quorum(3)", "quorum(4)", "quorum(5)",
	"quorum(3, agree=2)", "quorum(5, agree=3)", "quorum(4, agree=3)", "none",
	"all(quorum(2), quorum(3))", "any(quorum(2), quorum(4))", "all(quorum(3), quorum(5, agree=3))",
	"atleast(2, quorum(2), quorum(3), quorum(4))", "any(quorum(5), all(quorum(2), quorum(3, agree=2)))",
	"optimistic(30s)", "optimistic(30s)", "optimistic(30s)", "optimistic(2m)", "optimistic(2m)",
	"all(optimistic(30s), quorum(2))", "any(optimistic(30s), quorum(3))",
	"escalate(optimistic(30s), quorum(3))", "escalate(quorum(2), quorum(4))",
}

// Swarm draws a setup: first which faults are on, then how strong.
func Swarm(seed uint64) Setup {
	r := rand.New(rand.NewPCG(seed, 0x5eed))
	coin := func(of int) bool { return r.IntN(of) == 0 }
	s := Setup{
		Seed: seed, Providers: 5 + r.IntN(9), Validators: 1, Turn: r.IntN(12), Clocks: 30_000, Bad: adversary.Counts{},
		Signed: seed%50 == 3, Shared: coin(4),
	}
	if coin(3) {
		s.Validators = 4
	}
	for range 1 + r.IntN(3) {
		s.Policies = append(s.Policies, policies[r.IntN(len(policies))])
	}
	if coin(6) {
		s.Providers = 2 + r.IntN(3) // too few for most policies
	}
	for range r.IntN(1 + s.Providers*2/3) {
		kinds := adversary.Kinds()
		s.Bad[kinds[r.IntN(len(kinds))]]++
	}
	if coin(10) { // more colluders than the assumption bears
		s.Bad = adversary.Counts{adversary.Collude: s.Providers - r.IntN(2)}
	}
	s.Faults = swarmFaults(r, coin)
	if coin(4) { // clocks of one machine: only a calm network keeps up with them
		s.Clocks = 3000
		f := &s.Faults
		f.Drop, f.Halt, f.LateTicks, f.Delay = 0, false, false, min(f.Delay, 150)
	}
	if s.Faults.LateTicks { // five seconds a try: three tries and two executions are more than a clock
		s.Faults.Drop = 0
	}
	s.Faults.Deaf = min(s.Faults.Deaf, s.Validators)
	swarmWatchers(&s, r, coin)
	return s
}

// EpochSwarm draws a setup in which every job runs a program with epochs: that of
// Swarm, with poisoners and deaths in the middle.
func EpochSwarm(seed uint64) Setup {
	s := Swarm(seed)
	r := rand.New(rand.NewPCG(seed, 0xe90c5))
	s.Epochs = true
	s.Providers += r.IntN(4)
	for i := range s.Policies {
		if r.IntN(2) == 0 {
			s.Policies[i] = epochPolicies[r.IntN(len(epochPolicies))]
		}
	}
	if r.IntN(2) == 0 {
		s.Bad = adversary.Counts{} // nobody who cheats otherwise
	}
	s.Spy = s.Watchers > 1 && r.IntN(3) == 0
	honest := s.Providers
	for _, n := range s.Bad {
		honest -= n
	}
	if n := r.IntN(1 + honest*2/3); n > 0 {
		s.Bad[adversary.Poison] = n
	}
	if r.IntN(6) > 0 {
		s.Faults.Dying = 1 + r.IntN(s.Providers)
	}
	return s
}

// epochPolicies are those under which a checkpoint of one or two is enough to go
// on from.
var epochPolicies = []string{"none", "optimistic(30s)", "optimistic(2m)", "quorum(3, agree=2)", "quorum(4, agree=2)", "quorum(2)", "quorum(1)"}

// swarmWatchers draws who watches, and for how long a result can be disputed.
func swarmWatchers(s *Setup, r *rand.Rand, coin func(int) bool) {
	if !coin(3) {
		s.Liability = 600_000
		if s.Faults.Halt { // an hour at most, which must not be all of it
			s.Liability = 3 * 3_600_000
		}
	}
	s.WatchShare = []assay.PPM{0, assay.Whole / 2, assay.Whole}[r.IntN(3)]
	if !coin(3) {
		s.Watchers = 1 + r.IntN(2)
	}
	s.Against = adversary.Counts{}
	if coin(3) {
		kinds := []adversary.Kind{adversary.Lie, adversary.Misstate, adversary.Stall, adversary.Silent, adversary.Bluff, adversary.Sabotage, adversary.Meddle}
		for range 1 + r.IntN(3) {
			s.Against[kinds[r.IntN(len(kinds))]]++
		}
	}
	if coin(8) {
		s.Sybils = 2 + r.IntN(15)
	}
	s.Kin, s.ProveSteps = coin(6), []uint64{0, 0, 32, 1024}[r.IntN(4)]
}

func swarmFaults(r *rand.Rand, coin func(int) bool) Faults {
	f := Faults{Delay: assay.Millis(1 + r.IntN(200))}
	if coin(3) {
		f.Delay = assay.Millis(1 + r.IntN(1500))
	}
	if coin(2) {
		f.Drop = 1 + r.IntN(40)
	}
	if coin(3) {
		f.Duplicate = 1 + r.IntN(30)
	}
	if coin(4) {
		f.Restart = 5 + r.IntN(95)
	}
	if coin(4) {
		f.Deaf = 1 + r.IntN(4)
	}
	f.Partition, f.Crash, f.Amnesia, f.Flaky = coin(5), coin(3), coin(2), coin(4)
	f.Halt, f.Idle, f.LateTicks = coin(5), coin(6), coin(4)
	f.Vanish, f.Tight, f.Repeat, f.Spread, f.Heckle = coin(5), coin(8), coin(5), coin(3), coin(4)
	f.Hidden, f.Tardy, f.Doze = coin(12), coin(5), coin(4)
	return f
}
