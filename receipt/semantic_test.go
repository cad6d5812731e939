package receipt

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
)

// mutate calls try once for every change of one field anywhere below v, with
// the change made, and takes it back. Fields are named by their path.
func mutate(v reflect.Value, path string, try func(what string)) {
	set := func(what string, to any) {
		old := reflect.ValueOf(v.Interface())
		v.Set(reflect.ValueOf(to).Convert(v.Type()))
		try(path + " " + what)
		v.Set(old)
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				mutate(v.Field(i), path+"."+f.Name, try)
			}
		}
	case reflect.Pointer:
		old := reflect.ValueOf(v.Interface())
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
			try(path + " added")
		} else {
			fresh := reflect.New(v.Type().Elem())
			fresh.Elem().Set(v.Elem())
			v.Set(fresh)
			mutate(v.Elem(), path, try)
			v.Set(reflect.Zero(v.Type()))
			try(path + " removed")
		}
		v.Set(old)
	case reflect.Slice:
		mutateSlice(v, path, try)
	case reflect.Array:
		old := reflect.ValueOf(v.Interface())
		v.Index(0).SetUint(v.Index(0).Uint() ^ 1)
		try(path + " flipped")
		v.Set(old)
		v.SetZero()
		if !reflect.DeepEqual(v.Interface(), old.Interface()) {
			try(path + " zeroed")
		}
		v.Set(old)
	case reflect.String:
		set("extended", v.String()+"x")
	case reflect.Bool:
		set("inverted", !v.Bool())
	case reflect.Int, reflect.Int64:
		set("incremented", v.Int()+1)
		set("negated", -v.Int()-1)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		set("incremented", v.Uint()+1)
		if v.Uint() > 1 {
			set("decremented", v.Uint()-1)
		}
		set("largest", ^uint64(0)>>(64-v.Type().Bits()))
	default:
		panic("a kind that no receipt has: " + v.Kind().String())
	}
}

func mutateSlice(v reflect.Value, path string, try func(string)) {
	old := reflect.ValueOf(v.Interface())
	fresh := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
	reflect.Copy(fresh, old)
	v.Set(fresh)
	if v.Type().Elem().Kind() == reflect.Uint8 {
		if v.Len() > 0 {
			v.Index(0).SetUint(v.Index(0).Uint() ^ 1)
			try(path + " flipped")
		}
	} else {
		for i := range v.Len() {
			mutate(v.Index(i), fmt.Sprintf("%s[%d]", path, i), try)
		}
	}
	v.Set(reflect.Append(old.Slice3(0, old.Len(), old.Len()), reflect.Zero(v.Type().Elem())))
	try(path + " with a zero more")
	if n := old.Len(); n > 0 {
		v.Set(old.Slice(0, n-1))
		try(path + " one shorter")
		v.Set(reflect.Append(old.Slice3(0, n, n), old.Index(n-1)))
		try(path + " with its last twice")
	}
	v.Set(old)
}

// TestEveryFieldIsRefused alters every field of the receipt, signs again as its
// assembler, and expects a refusal with and without an anchor. It is what
// anybody can do who has a receipt.
func TestEveryFieldIsRefused(t *testing.T) {
	n, f := quorumOfThree(t)
	a, tried := n.anchor(t), 0
	mutate(reflect.ValueOf(f).Elem(), "", func(what string) {
		if strings.HasPrefix(what, ".Assembler") || strings.HasPrefix(what, ".Signature") {
			return // replaced as a pair by signing
		}
		tried++
		g := *f
		if err := g.sign(testKey("another assembler")); err != nil {
			return // not even a statement can be written
		}
		for _, anchor := range []*Anchor{a, nil} {
			r := verify(t, g.Bytes(), anchor)
			if r.Exit == ExitVerified || r.Verdict != "" || r.Reason.Code == CodeNoAnchor {
				t.Errorf("%s: %s", what, say(r))
			}
		}
	})
	t.Logf("%d changes", tried)
	if r := verify(t, f.Bytes(), a); r.Exit != ExitVerified {
		t.Fatalf("the walk did not take its changes back: %s", say(r))
	}
}

// theirWord lists what a receipt takes from the validators, since it lies in
// messages and state outside the case. Their signatures cover all of it; doc.go
// says so under LIMITATIONS.
var theirWord = regexp.MustCompile(strings.Join([]string{
	`^\.Bytes `,                    // the requester's claim; it lengthens a clock
	`^\.Submitted\.(Time|Clock) `,  // when
	`^\.Closed\.At\.`,              // when
	`^\.Waited `,                   // when
	`^\.Draws\[\d\]\.Asked `,       // when: below, each draw is held to the one before
	`^\.Record\.(Height|Time) `,    // when
	`^\.Attests `,                  // who attested; two thirds of the power must be among them
	`^\.Inputs(At)? `,              // likewise, to program and inputs
	`^\.Seats\[\d\]\.Shown `,       // when
	`^\.Challenge added`,           // one that still waited for its beacon
	`^\.Checks\[0\]\.State `,       // what a check absorbed, of a check that absorbs nothing
	`^\.Closed\.Seats decremented`, // a seat that has lost a dispute counts no more
	`^\.Image `,                    // the toy's states do not depend on it

	// Of a dispute: when moves came, in which order, how large and costly they
	// were; what a claim had stated that has lost, to which rival, and who said
	// otherwise: such middles are forgotten.
	`^\.Disputes\[\d\]\.(Asked|Ended)\.`,
	`^\.Disputes\[\d\]\.(Due|Fuel|Void) `,
	`^\.Disputes\[\d\]\.Proofs `, // that decided nothing; no receipt carries them
	`^\.Disputes\[\d\]\.Game\.(Began|Due|Ended|Moves) `,
	`^\.Disputes\[\d\]\.Game\.Candidates\[\d\]\.Claimed `,
	`^\.Disputes\[\d\]\.Game\.Claims\[\d\]\.(Sent|Steps|Vector) `,
	`^\.Disputes\[\d\]\.Game\.Claims\[\d\]\.(Posted|Proved\[\d\]\.Move|Refined\[\d\]\.Move)\.`,
	`^\.Disputes\[\d\]\.Game\.Claims\[\d\]\.Proved with `,
	`^\.Disputes\[\d\]\.Game\.Claims\[\d\]\.Lost\.(At|Rival|Stated|By(\[\d\])?) `,
	`^\.Disputes\[\d\]\.Game\.Proofs(\[\d\]\.(At|Claim))? `,
}, "|"))

// neverTagged reports whether a change is to a commitment behind which nothing
// was ever shown: there is nothing to hold it to.
func neverTagged(c *board.Case, what string) bool {
	for i := range c.Seats {
		if c.Seats[i].Tag.IsZero() && strings.HasPrefix(what, fmt.Sprintf(".Seats[%d].Commit ", i)) {
			return true
		}
	}
	return false
}

// TestValidatorsCannotLieAbout alters every field of case and record and has
// the validators put the altered record into a state of theirs and sign for it.
// What passes is exactly what a receipt takes on their word; draw, commitments,
// findings, verdict and settlement are not among it.
func TestValidatorsCannotLieAbout(t *testing.T) {
	for name, n := range map[string]*testNetwork{
		"agreement": newNetwork(assay.Dev, 1, honest, honest, honest, honest, honest),
		"dissent":   newNetwork(assay.Dev, 1, lying, honest, late, honest, honest, untagged, honest),
		"disputed":  newNetwork(assay.Dev, 1, lying, honest, lying, colluding),
	} {
		n.others = 20
		c := n.settle(t, n.job("quorum(3)"))
		a, tried, passed := n.anchor(t), 0, map[string]bool{}
		mutate(reflect.ValueOf(c).Elem(), "", func(what string) {
			if strings.HasPrefix(what, ".Record removed") || strings.HasPrefix(what, ".Verdict removed") {
				return
			}
			tried++
			settled := new(board.Case)
			if canon.Unmarshal(canon.Marshal(c), settled) != nil || settled.Record == nil {
				return // not even a case
			}
			if !strings.HasPrefix(what, ".Record.Case") {
				settled.Record.Case = settled.Digest()
			}
			f := &File{Version: Version, Record: *settled.Record, Case: *settled, Artifacts: artifactsOf(t, c)}
			f.Case.Verdict, f.Case.Record = nil, nil
			var err error
			if f.Case.Disputes, f.Witnesses, err = takeWitnesses(settled.Disputes); err != nil {
				return
			}
			in := n.include(t, &f.Record)
			f.Path, f.Header, f.Validators, f.Commit = in.Path, in.Header, in.Validators, in.Commit
			if err := f.sign(testKey("assembler")); err != nil {
				return
			}
			r := verify(t, f.Bytes(), a)
			if r.Exit == ExitBroken && r.Reason.Code != CodeRefuted || r.Exit == ExitNotEstablished && r.Verdict == "" {
				return
			}
			passed[what] = true
			if !theirWord.MatchString(what) && !neverTagged(c, what) {
				t.Errorf("%s: %s passes on the validators' word: %s", name, what, say(r))
			}
		})
		t.Logf("%s: %d changes, %d pass: %v", name, tried, len(passed), slices.Sorted(maps.Keys(passed)))
	}
}

func artifactsOf(tb testing.TB, c *board.Case) Artifacts {
	tb.Helper()
	a, err := Collect(&c.Job, c.Record, testSource{})
	if err != nil {
		a.Program = ContentOf(testProgram)
	}
	return a
}
