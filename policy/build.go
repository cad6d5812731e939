package policy

import (
	"slices"
	"strings"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

// builderOf is the grammar: how each name reads its arguments.
func builderOf(op Op) func(*Expr, []arg) error {
	switch op {
	case Quorum:
		return buildQuorum
	case Optimistic:
		return buildOptimistic
	case ZK:
		return buildZK
	case TEE:
		return buildTEE
	case Adaptive:
		return buildAdaptive
	case Sumcheck, Freivalds, None:
		return buildBare
	case All, Any:
		return buildKids
	case AtLeast:
		return buildAtLeast
	case Sample:
		return buildSample
	case Escalate:
		return buildPair
	case Cap:
		return buildCap
	}
	return nil
}

// build turns syntax into a policy. The syntax bounds its depth.
func build(t *term) (*Expr, error) {
	builder := builderOf(Op(t.word))
	if builder == nil {
		return nil, assay.Refuse(CodeUnknown, "%.40q", t.word)
	}
	e := &Expr{Op: Op(t.word)}
	return e, builder(e, t.args)
}

func buildBare(e *Expr, args []arg) error {
	if len(args) != 0 {
		return malformed(e, "takes no argument")
	}
	return nil
}

func buildQuorum(e *Expr, args []arg) error {
	plain, named, err := split(e, args, 1, "agree")
	if err != nil {
		return err
	}
	if e.N, err = number(e, plain[0], 1, MaxQuorum); err != nil {
		return err
	}
	e.Agree = e.N
	if text := named[0]; text != "" {
		if e.Agree, err = number(e, text, 1, MaxQuorum); err != nil {
			return err
		}
	}
	// At half of the pool or below, two rivals could both have enough.
	if 2*e.Agree <= e.N || e.Agree > e.N {
		return assay.Refuse(CodeUnsatisfiable, "quorum(%d, agree=%d)", e.N, e.Agree)
	}
	return nil
}

func buildOptimistic(e *Expr, args []arg) error {
	plain, _, err := split(e, args, 1)
	if err != nil {
		return err
	}
	e.Window, err = parseSpan(plain[0])
	return err
}

func buildZK(e *Expr, args []arg) error {
	plain, named, err := split(e, args, 1, "key", "bind")
	if err != nil {
		return err
	}
	e.System, e.Bind = plain[0], "job"
	if !slices.Contains([]string{"groth16", "plonk", "sp1", "risc0", "circom"}, e.System) {
		return assay.Refuse(CodeUnknown, "proof system %.40q", e.System)
	}
	if named[0] != "" {
		if e.Key, err = digest(e, named[0]); err != nil {
			return err
		}
	}
	if named[1] != "" {
		e.Bind = named[1]
	}
	if e.Bind != "job" && e.Bind != "commit" {
		return malformed(e, "bind is job or commit")
	}
	return nil
}

func buildTEE(e *Expr, args []arg) error {
	if len(args) == 0 || len(args) > 1+MaxRefs {
		return malformed(e, "takes a kind and up to 16 references")
	}
	plain, _, err := split(e, args[:1], 1)
	if err != nil {
		return err
	}
	e.System = plain[0]
	if !slices.Contains([]string{"snp", "tdx", "sgx", "nitro", "nvgpu"}, e.System) {
		return assay.Refuse(CodeUnknown, "hardware %.40q", e.System)
	}
	for _, a := range args[1:] {
		if a.name != "ref" {
			return malformed(e, "every further argument is ref=…")
		}
		d, err := digest(e, a.term.word)
		if err != nil {
			return err
		}
		e.Refs = append(e.Refs, d)
	}
	slices.SortFunc(e.Refs, func(a, b assay.Digest) int { return slices.Compare(a[:], b[:]) })
	if len(slices.Compact(slices.Clone(e.Refs))) != len(e.Refs) {
		return assay.Refuse(CodeDuplicate, "a reference of tee stands twice")
	}
	return nil
}

func buildAdaptive(e *Expr, args []arg) error {
	plain, _, err := split(e, args, 2)
	if err != nil {
		return err
	}
	if e.N, err = number(e, plain[0], 1, MaxQuorum); err != nil {
		return err
	}
	if e.Max, err = number(e, plain[1], 1, MaxQuorum); err != nil {
		return err
	}
	if e.N > e.Max {
		return assay.Refuse(CodeUnsatisfiable, "adaptive(%d, %d)", e.N, e.Max)
	}
	return nil
}

func buildKids(e *Expr, args []arg) error {
	if len(args) < 2 {
		return malformed(e, "combines at least two policies")
	}
	return kids(e, args)
}

func buildAtLeast(e *Expr, args []arg) error {
	if len(args) < 3 {
		return malformed(e, "takes a number and at least two policies")
	}
	plain, _, err := split(e, args[:1], 1)
	if err != nil {
		return err
	}
	if e.N, err = number(e, plain[0], 1, MaxNodes); err != nil {
		return err
	}
	if e.N > len(args)-1 {
		return assay.Refuse(CodeUnsatisfiable, "atleast(%d) of %d", e.N, len(args)-1)
	}
	return kids(e, args[1:])
}

func buildSample(e *Expr, args []arg) error {
	if len(args) != 2 {
		return malformed(e, "takes a probability and a policy")
	}
	plain, _, err := split(e, args[:1], 1)
	if err != nil {
		return err
	}
	if e.PPM, err = parseShare(plain[0]); err != nil {
		return err
	}
	return kids(e, args[1:])
}

func buildPair(e *Expr, args []arg) error {
	if len(args) != 2 {
		return malformed(e, "takes two policies")
	}
	return kids(e, args)
}

func buildCap(e *Expr, args []arg) error {
	if len(args) != 3 {
		return malformed(e, "takes an amount and two policies")
	}
	plain, _, err := split(e, args[:1], 1)
	if err != nil {
		return err
	}
	v, err := parseDigits(plain[0])
	if err != nil || v == 0 {
		return malformed(e, "the amount is a positive number of micro-credits")
	}
	e.Amount = assay.Amount(v)
	return kids(e, args[1:])
}

func kids(e *Expr, args []arg) error {
	for _, a := range args {
		if a.name != "" {
			return malformed(e, "does not know "+a.name)
		}
		kid, err := build(a.term)
		if err != nil {
			return err
		}
		e.Kids = append(e.Kids, kid)
	}
	return nil
}

// split returns exactly want plain words and the values of the names known,
// empty where one is absent.
func split(e *Expr, args []arg, want int, names ...string) (plain, named []string, err error) {
	named = make([]string, len(names))
	for _, a := range args {
		i := slices.Index(names, a.name)
		switch {
		case a.term.parens:
			return nil, nil, malformed(e, "expects a word where "+a.term.word+"(…) stands")
		case a.name == "" && len(plain) < want && strings.Join(named, "") == "":
			plain = append(plain, a.term.word)
		case i >= 0 && named[i] == "":
			named[i] = a.term.word
		default:
			return nil, nil, malformed(e, "does not expect "+a.term.word)
		}
	}
	if len(plain) != want {
		return nil, nil, malformed(e, "lacks an argument")
	}
	return plain, named, nil
}

func number(e *Expr, text string, lo, hi int) (int, error) {
	v, err := parseDigits(text)
	if err != nil {
		return 0, malformed(e, "expects a number, not "+text)
	}
	if v < uint64(lo) || v > uint64(hi) {
		return 0, assay.Refuse(CodeRange, "%s: %d; the range is %d to %d", e.Op, v, lo, hi)
	}
	return int(v), nil
}

func digest(e *Expr, text string) (assay.Digest, error) {
	d, err := canon.ParseDigest(text)
	if err != nil || d.IsZero() {
		return assay.Digest{}, malformed(e, "expects sha256: and 64 digits")
	}
	return d, nil
}

func malformed(e *Expr, what string) error {
	return assay.Refuse(CodeMalformed, "%s %s", e.Op, what)
}

// check refuses what the grammar allows and no job may use.
func check(root *Expr) error {
	count, depth := measure(root)
	if count > MaxNodes {
		return assay.Refuse(CodeTooLarge, "%d nodes; at most %d", count, MaxNodes)
	}
	if depth > MaxDepth {
		return assay.Refuse(CodeTooDeep, "%d levels; at most %d", depth, MaxDepth)
	}
	var err error
	root.Walk(func(e *Expr) {
		if err == nil {
			err = checkNode(root, e)
		}
	})
	switch {
	case err != nil:
		return err
	case root.Op == Sample:
		return assay.Refuse(CodeCanBeSilent, "sample stands alone")
	case len(root.String()) > MaxText:
		// Spelling out may be longer than what was written.
		return assay.Refuse(CodeTooLong, "%d bytes as canonical text; at most %d", len(root.String()), MaxText)
	}
	return nil
}

// measure returns the number of nodes and of levels.
func measure(e *Expr) (count, depth int) {
	count = 1
	for _, kid := range e.Kids {
		n, d := measure(kid)
		count, depth = count+n, max(depth, d)
	}
	return count, depth + 1
}

func checkNode(root, e *Expr) error {
	if e.Op == None && e != root {
		return assay.Refuse(CodeNone, "none inside %.60s", root.String())
	}
	sampled := 0
	for i, kid := range e.Kids {
		if kid.Op == Sample {
			sampled++
		}
		for _, other := range e.Kids[:i] {
			if kid.String() == other.String() {
				return assay.Refuse(CodeDuplicate, "%.60s stands twice in %s", kid.String(), e.Op)
			}
		}
	}
	// An undrawn sample is absent. Anywhere but in all, beside a check that is
	// always there, its absence could satisfy or starve its parent.
	if sampled > 0 && (e.Op != All || sampled == len(e.Kids)) {
		return assay.Refuse(CodeCanBeSilent, "sample inside %s", e.Op)
	}
	return nil
}
