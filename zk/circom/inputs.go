package circom

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"slices"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"

	"github.com/capacloud/assay"
)

// Inputs are the values of named signals, arrays flattened row by row.
type Inputs map[string][]fr.Element

// maxNesting bounds arrays in arrays.
const maxNesting = 16

// ParseInputs reads a JSON object of names with numbers, decimal strings, or
// nested arrays of them, as circom's input.json. It refuses a name that occurs
// twice, and a number whose absolute value is not below the modulus, where circom
// would reduce it; a negative one stands for itself modulo the modulus.
func ParseInputs(b []byte) (Inputs, error) {
	if len(b) > MaxInputText {
		return nil, assay.Refuse(CodeLimit, "inputs of %d bytes; at most %d", len(b), MaxInputText)
	}
	p := parser{d: json.NewDecoder(bytes.NewReader(b))}
	p.d.UseNumber()
	in, err := p.object()
	if err != nil {
		return nil, err
	}
	if _, err := p.d.Token(); !errors.Is(err, io.EOF) {
		return nil, assay.Refuse(CodeInput, "something follows the object")
	}
	return in, nil
}

// Names returns the names, sorted.
func (in Inputs) Names() []string {
	names := make([]string, 0, len(in))
	for n := range in {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

type parser struct{ d *json.Decoder }

func (p *parser) token() (json.Token, error) {
	t, err := p.d.Token()
	if err != nil {
		return nil, assay.Refuse(CodeInput, "no JSON: %v", err)
	}
	return t, nil
}

func (p *parser) object() (Inputs, error) {
	t, err := p.token()
	if err != nil {
		return nil, err
	}
	if t != json.Delim('{') {
		return nil, assay.Refuse(CodeInput, "it is no JSON object")
	}
	in := Inputs{}
	for {
		t, err := p.token()
		if err != nil {
			return nil, err
		}
		if t == json.Delim('}') {
			return in, nil
		}
		name, _ := t.(string) // between fields, the decoder gives nothing else
		if _, twice := in[name]; twice {
			return nil, assay.Refuse(CodeInput, "%.40q twice", name)
		}
		values := []fr.Element{}
		if err := p.value(&values, 0); err != nil {
			return nil, err
		}
		in[name] = values
	}
}

// value appends one number, or an array's.
func (p *parser) value(to *[]fr.Element, depth int) error {
	t, err := p.token()
	if err != nil {
		return err
	}
	switch t := t.(type) {
	case json.Number:
		return number(to, t.String())
	case string:
		return number(to, t)
	case json.Delim:
		if t != '[' {
			break
		}
		if depth == maxNesting {
			return assay.Refuse(CodeInput, "arrays nested deeper than %d", maxNesting)
		}
		for p.d.More() {
			if err := p.value(to, depth+1); err != nil {
				return err
			}
		}
		_, err := p.token()
		return err
	}
	return assay.Refuse(CodeInput, "%v is neither a number nor an array", t)
}

func number(to *[]fr.Element, s string) error {
	digits, negative := s, false
	if len(s) > 0 && s[0] == '-' {
		digits, negative = s[1:], true
	}
	if len(digits) == 0 || len(digits) > 77 {
		return assay.Refuse(CodeInputRange, "%.80q", s)
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return assay.Refuse(CodeInputRange, "%.80q", s)
		}
	}
	n, _ := new(big.Int).SetString(digits, 10)
	if n.Cmp(fr.Modulus()) >= 0 {
		return assay.Refuse(CodeInputRange, "%.80q is not below the modulus", s)
	}
	var e fr.Element
	e.SetBigInt(n)
	if negative {
		e.Neg(&e)
	}
	*to = append(*to, e)
	return nil
}
