package board

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

// TestScripts plays the protocol scripts, each in three ways: as written, with
// the case encoded and decoded after every step, and with a look at every
// instant. All three must print the same and end in the same bytes.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			var ends [][]byte
			for _, way := range []harness{{}, {recode: true}, {often: true}, {recode: true, often: true}} {
				ends = append(ends, play(t, file, way))
			}
			for _, e := range ends[1:] {
				if !bytes.Equal(e, ends[0]) {
					t.Fatal("the ways of playing end in different bytes")
				}
			}
		})
	}
}

func play(t *testing.T, file string, way harness) []byte {
	var h *harness
	var end []byte
	datadriven.RunTest(t, file, func(t *testing.T, d *datadriven.TestData) string {
		if d.Cmd == "network" {
			h = newHarness(arg(d, "providers", 12), arg(d, "validators", 4), assay.NetworkKind(text(d, "kind", "dev")))
			h.recode, h.often = way.recode, way.often
			if arg(d, "referee", 0) == 1 {
				toy := theToy
				toy.Span = uint64(arg(d, "epochs", 0)) * toySpan
				SetReferee(assay.RuntimeWasm, toy)
			}
			h.g.Params.WatchShare = assay.PPM(arg(d, "watch", 0))
			h.g.Params.Liability = assay.Millis(arg(d, "liability", 0))
			h.noImage = arg(d, "program", 1) == 0
			return ""
		}
		out := command(t, h, d)
		if h.c != nil && h.c.Settled() {
			checkEnd(t, h)
			end = append(end, canon.Marshal(h.c)...)
		}
		return out
	})
	return end
}

func command(t *testing.T, h *harness, d *datadriven.TestData) string {
	var refused strings.Builder
	switch d.Cmd {
	case "offer": // offer p=3 price=200 stake=5 busy=1
		l := &h.market.listings[arg(d, "p", 0)]
		l.Price = assay.Amount(arg(d, "price", int(l.Price)))
		l.Free = assay.Amount(arg(d, "stake", int(l.Free)))
		if arg(d, "busy", 0) == 1 {
			h.market.busy = append(h.market.busy, l.Provider)
		}
		return ""
	case "free":
		h.market.busy = nil
		return ""
	case "submit":
		if err := h.submit(strings.TrimSpace(d.Input), assay.Millis(arg(d, "life", 600_000)), arg(d, "repeat", 0) == 1); err != nil {
			return err.Error() + "\n"
		}
	case "block":
		h.block(assay.Millis(arg(d, "ms", 1000)), func() { messages(t, h, d.Input, &refused) })
	case "fight":
		h.fight(t, d, &refused)
	case "kill":
		h.block(1000, func() { h.c.Kill(theKey) })
	case "spent": // the next proof's statement belongs to another job
		h.spent = true
		return ""
	case "program": // is posted, and lowered
		h.noImage = false
		h.block(1000, nil)
	case "posted": // all of it is on the ledger, and waits to be lowered
		h.block(1000, func() { h.c.Posted() })
	case "wait":
		for range arg(d, "n", 1) {
			h.wait()
		}
	default:
		t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
	}
	return refused.String() + h.show()
}

// messages are lines such as "commit 0=A 1=B", "tag 0=A", "open 2=A",
// "attest 0=A", "answer 1=A", "evidence sumcheck: proof A".
func messages(t *testing.T, h *harness, input string, refused *strings.Builder) {
	verbs := map[string]func(int, string) error{
		"commit": h.commit, "tag": h.tag, "open": h.open, "attest": h.attest, "answer": h.answer,
		"checkpoint": func(seat int, state string) error { return h.checkpoint(seat, state, true) },
		"confirm":    func(seat int, state string) error { return h.checkpoint(seat, state, false) },
		"resume":     h.resume,
		"promise":    h.promise, "prove": h.showProof, "forge": h.forge, "copy": h.copyProof, "half": h.half, "cheap": h.cheap,
	}
	for line := range strings.Lines(input) {
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if verb == "evidence" {
			check, body, _ := strings.Cut(rest, ": ")
			report(refused, line, h.evidence(check, body))
			continue
		}
		for _, word := range strings.Fields(rest) {
			who, label, _ := strings.Cut(word, "=")
			if moves := moves(h); moves[verb] != nil {
				report(refused, verb+" "+word, moves[verb](who, label))
				continue
			}
			n, err := strconv.Atoi(who)
			if err != nil || verbs[verb] == nil {
				t.Fatalf("line %q", line)
			}
			report(refused, verb+" "+word, verbs[verb](n, label))
		}
	}
}

// moves are those of a dispute; "claim 0=A x=B500" names seats and strangers,
// and the traces that they claim.
func moves(h *harness) map[string]func(who, trace string) error {
	return map[string]func(string, string) error{
		"claim": h.claim, "play": h.play,
		"garbage":  func(who, _ string) error { return h.garbage(who) },
		"announce": func(who, _ string) error { return h.announce(who) },
		"inputs": func(who, _ string) error {
			n, err := strconv.Atoi(who)
			if err != nil {
				return err
			}
			return h.attestInputs(n)
		},
	}
}

// fight lets parties move whenever they may until the dispute ends: "0=A x=B500".
func (h *harness) fight(t *testing.T, d *datadriven.TestData, refused *strings.Builder) {
	for range arg(d, "n", 200) {
		if h.c.Dispute() == nil {
			return
		}
		h.block(assay.Millis(arg(d, "ms", 500)), func() {
			for line := range strings.Lines(d.Input) {
				messages(t, h, "play "+line, refused)
			}
		})
	}
}

func report(refused *strings.Builder, what string, err error) {
	if err != nil {
		fmt.Fprintf(refused, "refused %s: %s\n", strings.TrimSpace(what), assay.CodeOf(err))
	}
}

func arg(d *datadriven.TestData, name string, value int) int {
	if n, err := strconv.Atoi(text(d, name, "")); err == nil {
		return n
	}
	return value
}

func text(d *datadriven.TestData, name, value string) string {
	for _, a := range d.CmdArgs {
		if a.Key == name && len(a.Vals) > 0 {
			return a.Vals[0]
		}
	}
	return value
}

// checkEnd holds every settled case to the invariants.
func checkEnd(t *testing.T, h *harness) {
	t.Helper()
	if err := invariants(h); err != nil {
		os.Stderr.WriteString(h.show())
		t.Fatal(err)
	}
}
