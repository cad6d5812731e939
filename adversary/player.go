package adversary

import (
	"fmt"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/provider"
)

// Kind is a way to cheat.
type Kind string

// The kinds. Lie, Collude, Misstate and Lazy are faults of the executor; Stall,
// Silent, Bluff and Meddle lie likewise and differ in how they go on when the
// lie is disputed; Sabotage is a fault of the trace; the others are of the wire.
const (
	Honest     Kind = ""
	Lie        Kind = "lie"        // tells its own wrong result, and defends it as long as a lie can be
	Collude    Kind = "collude"    // tells the same wrong result as every other colluder, and defends it
	Misstate   Kind = "misstate"   // tells the right output and another state
	Stall      Kind = "stall"      // lies, and makes every move of a dispute at the last second
	Silent     Kind = "silent"     // lies, and says nothing in a dispute
	Bluff      Kind = "bluff"      // lies, and posts wrong witnesses
	Sabotage   Kind = "sabotage"   // tells the true result and wrong middles, to lose for it
	Meddle     Kind = "meddle"     // lies, and repeats its moves of a dispute in the name of everybody else's claims
	Lazy       Kind = "lazy"       // does no work and guesses an empty output
	Copy       Kind = "copy"       // does no work and repeats what others have shown
	Withhold   Kind = "withhold"   // in turn: never tags; never opens; never serves bytes
	Late       Kind = "late"       // works, and never commits in time
	Crash      Kind = "crash"      // dies for good, in turn: when drawn, after commit, tag, opening
	Contradict Kind = "contradict" // opens what it did not commit to; see contradict.go
	Forge      Kind = "forge"      // tells the truth, and proves it with somebody else's proof
	Mute       Kind = "mute"       // tells the truth, and keeps its proof to itself
	Poison     Kind = "poison"     // posts false checkpoints of programs with epochs, and never commits; see poison.go
)

// Kinds are the ways to cheat at any job, in the order in which Assign deals them;
// it deals Poison, which takes a program with epochs, and Forge and Mute, which take
// a policy that wants a proof, behind them.
func Kinds() []Kind {
	return []Kind{Lie, Collude, Copy, Lazy, Withhold, Late, Crash, Contradict, Misstate, Stall, Silent, Bluff, Sabotage, Meddle}
}

// Variants returns how many variants a kind has; they are dealt in turn.
func (k Kind) Variants() int {
	switch k {
	case Withhold, Contradict:
		return 3
	case Crash:
		return 4
	case Sabotage:
		return 2
	case Honest, Lie, Collude, Lazy, Copy, Late, Misstate, Stall, Silent, Bluff, Meddle, Poison, Forge, Mute:
	}
	return 1
}

// The variants of Withhold.
const (
	NeverTags   = 0
	NeverOpens  = 1
	NeverServes = 2
)

// Player is who plays one provider, and how.
type Player struct {
	Kind    Kind
	Variant int
}

// IsHonest reports whether the player follows the protocol.
func (p Player) IsHonest() bool { return p.Kind == Honest }

// String returns the kind, and the variant where there are several.
func (p Player) String() string {
	switch {
	case p.IsHonest():
		return "honest"
	case p.Kind.Variants() > 1:
		return fmt.Sprintf("%s-%d", p.Kind, p.Variant+1)
	}
	return string(p.Kind)
}

// Counts says how many players of each kind there are; the rest are honest.
type Counts map[Kind]int

// CodeCounts refuses more adversaries than players.
const CodeCounts assay.Code = "too-many-adversaries"

// Codes documents the codes of this package.
func Codes() []assay.CodeInfo {
	return []assay.CodeInfo{{
		Code: CodeCounts, Kind: assay.KindRefusal,
		Text: "more adversaries than providers, or a kind that does not exist",
		Hint: "raise --providers, or plant fewer",
	}}
}

// Assign deals the kinds to n players: adversaries last, so that the honest
// come first whatever is planted. Who is drawn is up to the beacon.
func Assign(n int, counts Counts) ([]Player, error) {
	players := make([]Player, 0, n)
	known := 0
	for _, k := range append(Kinds(), Poison, Forge, Mute) {
		for i := range counts[k] {
			players = append(players, Player{Kind: k, Variant: i % k.Variants()})
		}
		if _, ok := counts[k]; ok {
			known++
		}
	}
	if known != len(counts) || len(players) > n {
		return nil, assay.Refuse(CodeCounts, "%d adversaries of %d kinds among %d providers", len(players), len(counts), n)
	}
	honest := make([]Player, n-len(players), n)
	return append(honest, players...), nil
}

// Core is a provider's core, or one that has been tampered with.
type Core interface {
	Step(provider.Event) []provider.Effect
}

// Wrap puts a player's faults of the wire around the core of a provider key.
// The core of an honest player, or of one whose fault is its executor, comes
// back as it was.
func Wrap(p Player, key assay.Key, network assay.NetworkID, core Core) Core {
	w := wire{core: core, key: key, network: network}
	switch p.Kind {
	case Copy:
		return &copier{wire: w, asked: map[assay.JobID]bool{}, tried: map[attempt]bool{}}
	case Withhold:
		return &filter{wire: w, drop: withheld[p.Variant%len(withheld)]}
	case Mute:
		return &filter{wire: w, drop: dropped{messages: []assay.Kind{assay.KindEvidence}}}
	case Late, Poison:
		return &filter{wire: w, drop: dropped{messages: []assay.Kind{assay.KindCommit}}}
	case Crash:
		return &dying{wire: w, at: assay.ExecutionState(p.Variant%4 + 1)}
	case Contradict:
		return newContradictor(w, p.Variant%3)
	case Stall, Silent, Meddle:
		return &defendant{wire: w, tactic: tacticOf(p, key)}
	case Honest, Lie, Collude, Misstate, Bluff, Sabotage, Lazy, Forge:
	}
	return core
}

// Executor puts a player's faults of the executor around an honest one.
func Executor(p Player, key assay.Key, inner executor.Executor) executor.Executor {
	switch p.Kind {
	case Lie, Collude, Misstate, Stall, Silent, Bluff, Meddle:
		return liar{inner: inner, player: p, key: key}
	case Lazy:
		return lazy{}
	case Poison:
		if e, ok := inner.(executor.Epochs); ok {
			return poisoner{e}
		}
	case Forge:
		return forger{inner}
	case Honest, Copy, Withhold, Late, Crash, Contradict, Sabotage, Mute:
	}
	return inner
}
