package policy

import (
	"github.com/capacloud/assay"
)

// Codes of a policy that is refused.
const (
	CodeEmpty         assay.Code = "policy-empty"
	CodeMalformed     assay.Code = "policy-malformed"
	CodeUnknown       assay.Code = "policy-unknown-check"
	CodeTooLong       assay.Code = "policy-too-long"
	CodeTooDeep       assay.Code = "policy-too-deep"
	CodeTooLarge      assay.Code = "policy-too-large"
	CodeRange         assay.Code = "policy-range"
	CodeDuplicate     assay.Code = "policy-duplicate"
	CodeCanBeSilent   assay.Code = "policy-can-be-silent"
	CodeNone          assay.Code = "policy-none-alone"
	CodeUnsatisfiable assay.Code = "policy-unsatisfiable"
)

// Codes documents the codes of this package.
func Codes() []assay.CodeInfo {
	info := func(code assay.Code, text, hint string) assay.CodeInfo {
		return assay.CodeInfo{Code: code, Kind: assay.KindRefusal, Text: text, Hint: hint}
	}
	return []assay.CodeInfo{
		info(CodeEmpty, "the policy is empty", "name a policy; the default is quorum(3)"),
		info(CodeMalformed, "the policy is not in the grammar", "write it like quorum(3), quorum(3, agree=2) or all(quorum(3), zk(sp1)); the message names the place"),
		info(CodeUnknown, "the policy names a check that does not exist", "checks: quorum, optimistic, zk, tee, sumcheck, freivalds, adaptive, none; combined by all, any, atleast, sample, escalate, cap"),
		info(CodeTooLong, "the policy's text is too long", "at most 4,096 bytes"),
		info(CodeTooDeep, "the policy is nested too deeply", "at most 8 levels"),
		info(CodeTooLarge, "the policy has too many nodes", "at most 64"),
		info(CodeRange, "a number in the policy is out of range", "see the range that the message names"),
		info(CodeDuplicate, "two siblings are equal", "write each check once; repeating one adds nothing"),
		info(CodeCanBeSilent, "the policy could say nothing, and so accept unchecked work", "put sample inside all, beside a check that always runs"),
		info(CodeNone, "none stands beside a check", "use none alone, or leave it out: beside a check it would accept everything"),
		info(CodeUnsatisfiable, "the policy can never be satisfied", "lower the threshold to what its checks can give; quorum(n, agree=k) needs n/2 < k ≤ n"),
	}
}

// Parse reads a policy. White space is free and numbers may be written in any
// unit; String prints the one canonical text. It refuses everything that the
// package comment lists, with a code of this package.
func Parse(text string) (*Expr, error) {
	if len(text) > MaxText {
		return nil, assay.Refuse(CodeTooLong, "%d bytes; at most %d", len(text), MaxText)
	}
	p := parser{text: text}
	p.space()
	if p.at == len(p.text) {
		return nil, assay.Refuse(CodeEmpty, "no text")
	}
	t, err := p.term(1)
	if err != nil {
		return nil, err
	}
	if p.at != len(p.text) {
		return nil, p.refuse("text after the end")
	}
	e, err := build(t)
	if err != nil {
		return nil, err
	}
	return e, check(e)
}

// term is the syntax alone: a word, with arguments if it has parentheses.
type term struct {
	word   string
	parens bool
	args   []arg
}

type arg struct {
	name string // of name=value
	term *term
}

// maxTerms bounds what one text can make the parser allocate: every node, and
// every plain argument of every node.
const maxTerms = MaxNodes * (MaxRefs + 2)

type parser struct {
	text  string
	at    int
	terms int
}

// term reads one term at a depth, which is checked before it recurses.
func (p *parser) term(depth int) (*term, error) {
	// An argument that is a plain word stands one level below the deepest node.
	if depth > MaxDepth+1 {
		return nil, assay.Refuse(CodeTooDeep, "at byte %d; at most %d levels", p.at, MaxDepth)
	}
	if p.terms++; p.terms > maxTerms {
		return nil, assay.Refuse(CodeTooLarge, "more than %d words", maxTerms)
	}
	word := p.word()
	if word == "" {
		return nil, p.refuse("a name or a number is missing")
	}
	t := &term{word: word}
	if !p.take('(') {
		return t, nil
	}
	if depth > MaxDepth {
		return nil, assay.Refuse(CodeTooDeep, "at byte %d; at most %d levels", p.at, MaxDepth)
	}
	t.parens = true
	for {
		a, err := p.arg(depth + 1)
		if err != nil {
			return nil, err
		}
		t.args = append(t.args, a)
		if p.take(')') {
			return t, nil
		}
		if !p.take(',') {
			return nil, p.refuse("a comma or a closing parenthesis is missing")
		}
	}
}

func (p *parser) arg(depth int) (arg, error) {
	t, err := p.term(depth)
	if err != nil || t.parens || !p.take('=') {
		return arg{term: t}, err
	}
	name := t.word
	if t, err = p.term(depth); err != nil {
		return arg{}, err
	}
	if t.parens {
		return arg{}, p.refuse("the value of " + name + " is not a plain word")
	}
	return arg{name: name, term: t}, nil
}

// take consumes one byte of punctuation and the space behind it.
func (p *parser) take(c byte) bool {
	if p.at >= len(p.text) || p.text[p.at] != c {
		return false
	}
	p.at++
	p.space()
	return true
}

// word consumes a word and the space behind it.
func (p *parser) word() string {
	from := p.at
	for p.at < len(p.text) && isWord(p.text[p.at]) {
		p.at++
	}
	word := p.text[from:p.at]
	p.space()
	return word
}

func (p *parser) space() {
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == '\t' || p.text[p.at] == '\n') {
		p.at++
	}
}

func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '%' || c == ':'
}

func (p *parser) refuse(what string) error {
	return assay.Refuse(CodeMalformed, "at byte %d: %s", p.at, what)
}
