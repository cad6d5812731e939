package challenger

import (
	"cmp"
	"errors"

	"github.com/capacloud/assay"
)

// PlayerConfig is one party in the dispute about one job.
type PlayerConfig struct {
	Key    assay.Key
	ID     assay.JobID
	Job    assay.Job
	Resend assay.Millis // before a move that did not land is sent again; doubles with every try
	// ClockStep is Params.ClockStep of the network: the clock may jump so far from
	// one look at the ledger to the next. Zero means assay.MaxClockStep.
	ClockStep assay.Millis
	// A segment of up to ProveSteps steps is proved instead of refined when its
	// witness has at most ProveBytes. A single step is always proved.
	ProveSteps uint64
	ProveBytes int
}

// Player plays one game for one truth: what the machine says. All that it knows
// it has from the tracer, and can ask again.
type Player struct {
	config  PlayerConfig
	answers map[Question]Answer
	asked   map[Question]bool
	failed  map[Question]failure
	sent    map[move]attempt
	turn    map[move]assay.Clock // when it is ours to do what others may do first
	told    error                // the last failure, until it is taken
}

type failure struct {
	times int
	retry assay.Clock
}

type attempt struct {
	times int
	at    assay.Clock
}

// move names something that a player sends: a message kind and the place in the
// game that it is for.
type move struct {
	kind   assay.Kind
	claim  uint16
	level  uint8
	offset uint64
}

// NewPlayer returns a player that knows nothing yet.
func NewPlayer(c PlayerConfig) *Player {
	c.Resend, c.ClockStep = cmp.Or(c.Resend, 1000), cmp.Or(c.ClockStep, assay.MaxClockStep)
	return &Player{
		config: c, answers: map[Question]Answer{}, asked: map[Question]bool{}, failed: map[Question]failure{},
		sent: map[move]attempt{}, turn: map[move]assay.Clock{},
	}
}

// maxPause bounds the pause after failures and between tries.
const maxPause assay.Millis = 16_000

// Final returns how the machine's execution ends, or asks.
func (p *Player) Final(at assay.Clock) (*Final, []Effect) {
	a, effects := p.ask(at, Question{Kind: AskFinal})
	if a == nil || a.Final == nil {
		return nil, effects
	}
	return a.Final, nil
}

// ask returns a known answer, or puts the question once. An answer that says
// ErrTooLarge is final; any other failure is asked again later.
func (p *Player) ask(at assay.Clock, q Question) (*Answer, []Effect) {
	if a, ok := p.answers[q]; ok {
		return &a, nil
	}
	if p.asked[q] || at < p.failed[q].retry {
		return nil, nil
	}
	p.asked[q] = true
	return nil, []Effect{Ask{ID: p.config.ID, Job: p.config.Job, Question: q}}
}

// Hear takes an answer of the tracer. The next Play acts on it.
func (p *Player) Hear(at assay.Clock, a Answer) {
	if !p.asked[a.Question] {
		return
	}
	delete(p.asked, a.Question)
	if a.Err != nil && !errors.Is(a.Err, ErrTooLarge) {
		f := p.failed[a.Question]
		p.failed[a.Question] = failure{f.times + 1, at.Add(pause(500, f.times))}
		p.told = a.Err
		return
	}
	p.answers[a.Question] = a
}

// again forgets what has failed and when it may be tried again, and what may
// still be on its way.
func (p *Player) again() {
	clear(p.failed)
	clear(p.sent)
}

// Failure returns why the tracer last failed, once.
func (p *Player) Failure() error {
	err := p.told
	p.told = nil
	return err
}

// Drop says that the game is over for this player.
func (p *Player) Drop() []Effect {
	if len(p.answers)+len(p.asked)+len(p.failed) == 0 {
		return nil
	}
	return []Effect{Drop{Job: p.config.ID}}
}

func pause(first assay.Millis, times int) assay.Millis {
	return min(first<<min(times, 8), maxPause)
}

// Play says what to do in a position. Whatever is missing for it is asked of the
// tracer first.
func (p *Player) Play(at assay.Moment, t Table) []Effect {
	final, effects := p.Final(at.Clock)
	effects = append(effects, p.post(at.Clock, t)...)
	if final == nil {
		return append(effects, p.announce(at.Clock, t)...)
	}
	if t.Game != nil {
		effects = append(effects, p.moves(at.Clock, t.Game)...)
	}
	return append(effects, p.challenge(at.Clock, t, final)...)
}
