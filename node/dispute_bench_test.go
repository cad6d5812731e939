package node

import (
	"cmp"
	"context"
	"encoding/gob"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/adversary"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/challenger"
	"github.com/capacloud/assay/dispute"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/machine/interp"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/machine/wasm"
)

// A benchmark of a whole dispute between two processes: this one has the game and
// the referee of the board, and each party is this test binary started anew, which
// gets positions over a pipe and answers with moves. The parties take turns, so
// that they do not slow each other down on a small machine.
//
//	ASSAY_DISPUTE_STEPS  the run takes 2^N steps; 28
//	ASSAY_DISPUTE_SEED   chooses where the liar's trace goes wrong; 1
//	ASSAY_DISPUTE_PROVE  segments of so many steps are proved, not refined; 32

// stirred is the memory that the program writes to all through its run, and
// stirredPages all that it has, every byte of which it writes at first.
const (
	stirred      = 16 << 20
	stirredPages = 64 << 20 / assay.WasmPage
)

// stirring is a program that adds a random number to a word of memory n times,
// each time in another leaf, so that some 200,000 steps change a quarter of its
// memory.
func stirring(n uint64) []byte {
	var b []byte
	op := func(bytes ...byte) { b = append(b, bytes...) }
	i32 := func(v int64) { b = appendSigned(append(b, 0x41), v) }
	i64 := func(v uint64) { b = appendSigned(append(b, 0x42), int64(v)) }
	const (
		number, place, left = 0, 1, 2
		get, set, tee       = 0x20, 0x21, 0x22
	)
	i32(0)
	i32(0xa5)
	i32(stirredPages * assay.WasmPage)
	op(0xfc, 11, 0) // memory.fill
	i64(n)
	op(set, left)
	op(0x03, 0x40) // loop
	op(get, number)
	i64(6364136223846793005)
	op(0x7e) // i64.mul
	i64(1442695040888963407)
	op(0x7c, tee, number) // i64.add
	op(get, number)
	i64(29)
	op(0x88, 0x85, set, number) // i64.shr_u, i64.xor
	op(get, place)
	i32(1032)
	op(0x6a) // i32.add
	i32(stirred - 1)
	op(0x71, tee, place)          // i32.and
	op(get, place, 0x29, 3, 0)    // i64.load
	op(get, number, 0x7c)         // i64.add
	op(0x37, 3, 0)                // i64.store
	op(get, left)                 //
	i64(1)                        //
	op(0x7d, tee, left)           // i64.sub
	op(0x50, 0x45, 0x0d, 0, 0x0b) // i64.eqz, i32.eqz, br_if, end
	op(0x0b)
	return wasm.Encode(&wasm.Module{
		Types:    []wasm.FuncType{{}},
		Funcs:    []uint32{0},
		Memories: []wasm.Bounds{{Min: stirredPages, Max: stirredPages, HasMax: true}},
		Exports: []wasm.Export{
			{Name: "memory", Kind: wasm.KindMemory}, {Name: wasm.EntryExport, Kind: wasm.KindFunc},
		},
		Start: -1, DataCount: -1,
		Codes: []wasm.Body{{Locals: []wasm.LocalRun{{Count: 1, Type: wasm.I64}, {Count: 1, Type: wasm.I32}, {Count: 1, Type: wasm.I64}}, Expr: b}},
	})
}

func appendSigned(b []byte, v int64) []byte {
	for v < -64 || v > 63 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v)&0x7f)
}

// stirringJob has more fuel than the run takes. Its program is in the store.
func stirringJob(tb testing.TB, n uint64) (*assay.Job, *blob.Store) {
	tb.Helper()
	store, err := blob.OpenMemory(blob.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = store.Close() }) // in memory
	d, err := store.PutBytes(tb.Context(), stirring(n))
	if err != nil {
		tb.Fatal(err)
	}
	limits := assay.DefaultLimits()
	limits.Fuel = 40*n + 1<<28
	return &assay.Job{Version: 1, Runtime: assay.RuntimeWasm, Program: d, Limits: limits, Start: 1}, store
}

// position and answer are what goes through the pipes. Game is in canonical
// bytes; the plain party gets none.
type (
	position struct {
		Game []byte
		At   assay.Clock
	}
	answer struct {
		Moves  []assay.Envelope
		Steps  uint64       // of the plain party
		Result assay.Result // of the plain party
	}
)

// The parties.
const (
	partyVariable = "ASSAY_DISPUTE_PARTY"
	plainParty    = "plain" // executes once, without a trace
	honestParty   = "honest"
	lyingParty    = "liar"
)

var parties = map[string]adversary.Player{plainParty: {}, honestParty: {}, lyingParty: {Kind: adversary.Lie}}

func partyKey(name string) assay.Key {
	return assay.Key(canon.Hash("assay/test-key/1", []byte(name), []byte(os.Getenv("ASSAY_DISPUTE_SEED"))))
}

// TestDisputeParty is one of the parties, in a process of its own. It never
// returns, since the tests' own output would end up in the pipe.
func TestDisputeParty(t *testing.T) {
	name := os.Getenv(partyVariable)
	if _, ok := parties[name]; !ok {
		t.Skip("started by BenchmarkDispute")
	}
	in, out := gob.NewDecoder(os.Stdin), gob.NewEncoder(os.Stdout)
	job, store := stirringJob(t, number(t, "ASSAY_DISPUTE_ROUNDS", 0))
	play := newParty(t, name, job, store)
	for {
		var p position
		err := in.Decode(&p)
		if errors.Is(err, io.EOF) {
			os.Exit(0)
		}
		if err == nil {
			err = out.Encode(play(p))
		}
		if err != nil {
			t.Log(err)
			os.Exit(1)
		}
	}
}

// newParty returns what answers a position.
func newParty(t *testing.T, name string, job *assay.Job, store *blob.Store) func(position) answer {
	if name == plainParty {
		return func(position) answer { return executeOnce(t, job, store) }
	}
	key := partyKey(name)
	tracer := NewTracer(job, store)
	lying := adversary.Tracer(parties[name], key, job, tracer, tracer)
	player := challenger.NewPlayer(challenger.PlayerConfig{
		Key: key, ID: job.ID(), Job: *job, Resend: 1000, ProveSteps: number(t, "ASSAY_DISPUTE_PROVE", 32), ProveBytes: dispute.MaxWitness,
	})
	return func(p position) answer {
		g, err := dispute.Decode(p.Game)
		if err != nil {
			t.Fatal(err)
		}
		var a answer
		for asked := true; asked; {
			asked = false
			for _, e := range player.Play(assay.Moment{Clock: p.At}, challenger.Table{Game: g, Span: g.Rules.Span(), Admits: g.Admits(p.At), Due: g.Due}) {
				switch e := e.(type) {
				case challenger.Ask:
					player.Hear(p.At, challenger.AnswerOf(t.Context(), lying, e.ID, e.Question))
					asked = true
				case challenger.Send:
					for _, m := range e.Messages {
						a.Moves = append(a.Moves, assay.Wrap(m))
					}
				}
			}
		}
		return a
	}
}

func executeOnce(tb testing.TB, job *assay.Job, store *blob.Store) answer {
	tb.Helper()
	program, err := store.ReadFile(tb.Context(), job.Program)
	if err != nil {
		tb.Fatal(err)
	}
	m := interp.New(wasm.Lower(program), job, wasi.NewReaderInput(NewTracer(job, store)))
	if err := m.Run(math.MaxUint64); err != nil {
		tb.Fatal(err)
	}
	r, ok := m.Result()
	if !ok || r.Status != assay.Exited {
		tb.Fatalf("%t, %s %s", ok, r.Status, r.Trap)
	}
	return answer{Steps: m.Steps(), Result: r}
}

func number(tb testing.TB, variable string, otherwise uint64) uint64 {
	tb.Helper()
	n, err := strconv.ParseUint(cmp.Or(os.Getenv(variable), strconv.FormatUint(otherwise, 10)), 10, 64)
	if err != nil {
		tb.Fatalf("%s: %v", variable, err)
	}
	return n
}

// party is a started process.
type party struct {
	key assay.Key
	cmd *exec.Cmd
	in  io.WriteCloser
	enc *gob.Encoder
	dec *gob.Decoder
}

func startParty(b *testing.B, name string, rounds uint64) *party {
	b.Helper()
	p := &party{key: partyKey(name), cmd: exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestDisputeParty$")}
	p.cmd.Env = append(os.Environ(), partyVariable+"="+name, "ASSAY_DISPUTE_ROUNDS="+strconv.FormatUint(rounds, 10))
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	p.in, p.enc, p.dec = in, gob.NewEncoder(in), gob.NewDecoder(out)
	return p
}

func (p *party) ask(b *testing.B, at position) answer {
	b.Helper()
	var a answer
	if err := errors.Join(p.enc.Encode(at), p.dec.Decode(&a)); err != nil {
		b.Fatal(err)
	}
	return a
}

// end lets the process end and returns the processor time that it has taken.
func (p *party) end(b *testing.B) time.Duration {
	b.Helper()
	if err := errors.Join(p.in.Close(), p.cmd.Wait()); err != nil {
		b.Fatal(err)
	}
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
}

// timed is a referee with a watch.
type timed struct {
	dispute.Machine
	longest time.Duration
}

// Run implements dispute.Machine.
func (m *timed) Run(start assay.Digest, steps uint64, witness []byte) (dispute.Segment, error) {
	begin := time.Now()
	s, err := m.Machine.Run(start, steps, witness)
	m.longest = max(m.longest, time.Since(begin))
	return s, err
}

// stated is an executor whose result is known.
type stated assay.Result

// Execute implements executor.Executor.
func (r stated) Execute(context.Context, *assay.Job, executor.Artifacts) (*executor.Outcome, error) {
	return &executor.Outcome{Result: assay.Result(r), Output: executor.EmptyOutput()}, nil
}

// rounds is how often the program has to stir for its run to take so many steps.
func rounds(b *testing.B, steps uint64) uint64 {
	b.Helper()
	var took [2]uint64
	for i := range took {
		job, store := stirringJob(b, uint64(1+i))
		took[i] = executeOnce(b, job, store).Steps
	}
	return (steps - took[0]) / (took[1] - took[0])
}

// BenchmarkDispute reports the processor time of each party as a multiple of that
// of one execution by the interpreter, taken before, and what the ledger gets:
// moves of one party, bytes of the claims and refinements of both, bytes of the
// witness, and the referee's time.
func BenchmarkDispute(b *testing.B) {
	n := rounds(b, 1<<number(b, "ASSAY_DISPUTE_STEPS", 28))
	for b.Loop() {
		plain := startParty(b, plainParty, n)
		truth := plain.ask(b, position{})
		once := plain.end(b)
		b.ReportMetric(math.Log2(float64(truth.Steps)), "log2-steps")
		b.ReportMetric(once.Seconds(), "execution-s")
		disputed(b, n, &truth, once)
	}
	b.ReportMetric(0, "ns/op")
}

func disputed(b *testing.B, n uint64, truth *answer, once time.Duration) {
	b.Helper()
	job, store := stirringJob(b, n)
	g, m := newGame(b, job, store, truth.Result)
	list := []*party{startParty(b, honestParty, n), startParty(b, lyingParty, n)}
	posted, witness := 0, 0
	for at := assay.Clock(1); !g.IsOver(); at++ {
		moved := false
		for _, p := range list {
			for _, e := range p.ask(b, position{Game: canon.Marshal(g), At: at}).Moves {
				moved = true
				msg, err := e.Message()
				if err != nil {
					b.Fatal(err)
				}
				switch msg := msg.(type) {
				case *assay.PostClaim:
					posted += len(e.Body)
					err = g.Claim(m, at, p.key, msg, 0)
				case *assay.PostRefinement:
					posted += len(e.Body)
					err = g.Refine(at, p.key, msg, 0)
				case *assay.PostProof:
					witness = max(witness, len(msg.Witness))
					err = g.Prove(m, at, p.key, msg, 0)
				}
				if err != nil {
					b.Fatalf("%s: %v", msg.Kind(), err)
				}
			}
		}
		if due, ok := g.Deadline(); ok && !moved {
			g.Advance(due)
			at = due
		}
	}
	b.ReportMetric(list[0].end(b).Seconds()/once.Seconds(), "honest-×")
	b.ReportMetric(list[1].end(b).Seconds()/once.Seconds(), "liar-×")
	o := g.Outcome()
	if o.Result != truth.Result.Digest() || len(g.Proofs) != 1 {
		b.Fatalf("%s survived, by %d proofs", o.Result, len(g.Proofs))
	}
	b.ReportMetric(float64(o.Rounds), "rounds")
	b.ReportMetric(float64(posted), "posted-B")
	b.ReportMetric(float64(witness), "witness-B")
	b.ReportMetric(m.longest.Seconds()*1000, "referee-ms")
	b.Logf("%d steps; the liar was wrong in the %d steps from step %d on", truth.Steps, 1<<(5*g.Proofs[0].Level), g.Proofs[0].Offset)
}

// newGame is a game about what both parties would state, under the board's rules.
func newGame(b *testing.B, job *assay.Job, store *blob.Store, truth assay.Result) (*dispute.Game, *timed) {
	b.Helper()
	program, err := store.ReadFile(b.Context(), job.Program)
	if err != nil {
		b.Fatal(err)
	}
	referee, _ := board.RefereeOf(job.Runtime)
	lowering := referee.Lower(program)
	for !lowering.Step(1 << 20) {
	}
	start, machine, err := referee.Machine(lowering.Image(), job)
	if err != nil {
		b.Fatal(err)
	}
	lie, err := adversary.Executor(parties[lyingParty], partyKey(lyingParty), stated(truth)).Execute(b.Context(), job, store)
	if err != nil {
		b.Fatal(err)
	}
	params := assay.LocalParams()
	bound := referee.Steps(job, job.Limits.Fuel)
	rules, err := dispute.NewRules(&params, dispute.Costs{}, bound, referee.Steps(job, truth.Fuel), 0)
	if err != nil {
		b.Fatal(err)
	}
	g := dispute.New(rules, job.ID(), start, []assay.Digest{truth.Digest(), lie.Result.Digest()}, 0)
	return &g, &timed{Machine: machine}
}
