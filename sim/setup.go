package sim

import (
	"fmt"
	"math/rand/v2"
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
	Policies   []string // one job each
	Clocks     assay.Millis
	Liability  assay.Millis
	Signed     bool // real signatures
	Wasm       bool // real wasm in a real executor
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
	{"spread", func(f *Faults) bool { return f.Spread }, func(f *Faults) { f.Spread = false }},
}

// String describes a setup in one line.
func (s Setup) String() string {
	var bad []string
	for _, k := range adversary.Kinds() {
		if n := s.Bad[k]; n > 0 {
			bad = append(bad, fmt.Sprintf("%s %d", k, n))
		}
	}
	return fmt.Sprintf("seed %d: %d providers (%s), %d validators, clocks %d ms, %s, delay %d ms, faults [%s]",
		s.Seed, s.Providers, strings.Join(bad, ", "), s.Validators, s.Clocks, strings.Join(s.Policies, " + "), s.Faults.Delay, s.Faults)
}

// policies are what jobs ask for, in canonical text.
var policies = []string{
	"quorum(1)", "quorum(2)", "quorum(3)", "quorum(3)", "quorum(3)", "quorum(4)", "quorum(5)",
	"quorum(3, agree=2)", "quorum(5, agree=3)", "quorum(4, agree=3)", "none",
	"all(quorum(2), quorum(3))", "any(quorum(2), quorum(4))", "all(quorum(3), quorum(5, agree=3))",
	"atleast(2, quorum(2), quorum(3), quorum(4))", "any(quorum(5), all(quorum(2), quorum(3, agree=2)))",
}

// Swarm draws a setup: first which faults are on, then how strong.
func Swarm(seed uint64) Setup {
	r := rand.New(rand.NewPCG(seed, 0x5eed))
	coin := func(of int) bool { return r.IntN(of) == 0 }
	s := Setup{
		Seed: seed, Providers: 5 + r.IntN(9), Validators: 1, Turn: r.IntN(12), Clocks: 30_000, Bad: adversary.Counts{},
		Signed: seed%50 == 3, Wasm: seed%50 == 7, Shared: coin(4),
	}
	if coin(3) {
		s.Validators = 4
	}
	if coin(3) {
		s.Liability = 600_000
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
	return s
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
	return f
}
