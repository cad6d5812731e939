package casefile

import (
	"encoding/hex"
	"encoding/json"
	"path"
	"strconv"
	"strings"

	"github.com/capacloud/assay"
)

// Manifest lists the cases of a folder.
type Manifest struct {
	Format string  `json:"format"`
	Cases  []Entry `json:"cases"`
}

// Entry is one case of a manifest. Fields for people are left out.
type Entry struct {
	File      string  `json:"file"`
	Expect    Outcome `json:"expect"`
	System    string  `json:"system"`
	Version   string  `json:"version"`
	Negatives *int    `json:"negatives"`
}

// Format is that of a manifest.
const Format = "assay-zk-vectors/1"

// ParseManifest reads a manifest.
func ParseManifest(b []byte) (*Manifest, error) {
	m := new(Manifest)
	if err := decode(b, m); err != nil {
		return nil, err
	}
	if m.Format != Format {
		return nil, assay.Refuse(CodeUnusable, "format %.40q, this reads %s", m.Format, Format)
	}
	if len(m.Cases) == 0 {
		return nil, assay.Refuse(CodeUnusable, "the manifest lists no case")
	}
	return m, nil
}

// Line is the judgement of one case, or of one change to it.
type Line struct {
	Case     string     `json:"case"`
	Negative string     `json:"negative"` // empty: the case itself
	Expected Outcome    `json:"expected"`
	Got      Outcome    `json:"got"`
	Reason   string     `json:"reason"` // why it is not valid, or why the line is not as expected
	Code     assay.Code `json:"code,omitempty"`
	OK       bool       `json:"ok"`
}

// JudgeManifest judges every case and every change listed in it. read returns
// the bytes of a file of the manifest's folder.
func JudgeManifest(m *Manifest, read func(name string) ([]byte, error)) []Line {
	var lines []Line
	for _, e := range m.Cases {
		lines = append(lines, judgeEntry(e, read)...)
	}
	return lines
}

func judgeEntry(e Entry, read func(string) ([]byte, error)) []Line {
	first := Line{Case: strings.TrimSuffix(path.Base(e.File), ".json"), Expected: e.Expect, Got: Unusable}
	if e.File == "" || !pathIsLocal(e.File) {
		first.fill(assay.Refuse(CodeUnusable, "the manifest names the file %.80q", e.File))
		return []Line{first}
	}
	b, err := read(e.File)
	if err != nil {
		first.fill(assay.Refuse(CodeUnusable, "%v", err))
		return []Line{first}
	}
	c, err := Parse(b)
	if err != nil {
		first.fill(err)
		return []Line{first}
	}
	finding := c.Judge()
	first.Got = finding.Outcome
	first.fill(finding.Err)
	if first.Got == Unusable && first.Expected == Invalid { // either way it is refused
		first.Got = Invalid
	}
	first.OK = first.Got == first.Expected
	if err := c.fits(e); err != nil {
		first.fill(err)
		first.OK = false
	}
	return append([]Line{first}, c.judgeNegatives(first.Case)...)
}

// fits refuses a file that contradicts the manifest about what it is.
func (c *Case) fits(e Entry) error {
	negatives, _ := c.fields["negatives"].([]any)
	switch {
	case c.fields["expect"] != nil && c.Expect() != e.Expect:
		return assay.Refuse(CodeUnusable, "the file expects %s, the manifest %s", c.Expect(), e.Expect)
	case e.System != "" && c.fields["system"] != e.System:
		return assay.Refuse(CodeUnusable, "the file's system is %v, the manifest's %s", c.fields["system"], e.System)
	case e.Negatives != nil && *e.Negatives != len(negatives):
		return assay.Refuse(CodeUnusable, "the file has %d negatives, the manifest %d", len(negatives), *e.Negatives)
	}
	return nil
}

// judgeNegatives changes one field at a time: each must have the case refused,
// which is Invalid or, where the file no longer has the form of one, Unusable.
func (c *Case) judgeNegatives(name string) []Line {
	list, _ := c.fields["negatives"].([]any)
	var lines []Line
	for i, v := range list {
		n, _ := v.(map[string]any)
		line := Line{Case: name, Negative: "#" + strconv.Itoa(i), Expected: Invalid, Got: Unusable}
		if s, ok := n["name"].(string); ok {
			line.Negative = s
		}
		changed, err := c.change(n)
		if err != nil { // of the change, not of the case: nothing was judged
			line.fill(err)
			lines = append(lines, line)
			continue
		}
		f := changed.Judge()
		line.Got = f.Outcome
		line.fill(f.Err)
		if line.OK = f.Outcome == Invalid || f.Outcome == Unusable; line.OK {
			line.Got = Invalid // refused, for one reason or the other
		}
		lines = append(lines, line)
	}
	return lines
}

func (l *Line) fill(err error) {
	if err != nil && l.Reason == "" {
		l.Reason, l.Code = err.Error(), assay.CodeOf(err)
	}
}

// pathIsLocal keeps a manifest from reading outside its folder.
func pathIsLocal(name string) bool {
	return !path.IsAbs(name) && path.Clean(name) == name && !strings.HasPrefix(name, "..") && !strings.ContainsAny(name, "\\:\x00")
}

// change returns a copy of the case with one field changed. A field may be
// nested: "verifying_key.ic.0.1".
func (c *Case) change(n map[string]any) (*Case, error) {
	field, _ := n["field"].(string)
	keys := strings.Split(field, ".")
	if field == "" || len(keys) > maxDepth {
		return nil, assay.Refuse(CodeUnusable, "a negative names the field %.80q", field)
	}
	var edit func(old any, there bool) (any, error)
	switch n["op"] {
	case "replace":
		value, ok := n["value"]
		if !ok {
			return nil, assay.Refuse(CodeUnusable, "a replacement without a value")
		}
		edit = func(any, bool) (any, error) { return value, nil }
	case "xor":
		edit = func(old any, _ bool) (any, error) { return xor(old, n["offset"], n["value"]) }
	default:
		return nil, assay.Refuse(CodeUnusable, "op %v of a negative", n["op"])
	}
	changed, err := edited(c.fields, keys, edit)
	if err != nil {
		return nil, err
	}
	fields, ok := changed.(map[string]any)
	if !ok {
		return nil, assay.Refuse(CodeUnusable, "field %.80q", field)
	}
	return &Case{fields: fields}, nil
}

// edited copies the way down to the field and changes it there.
func edited(v any, keys []string, edit func(any, bool) (any, error)) (any, error) {
	if len(keys) == 0 {
		return edit(v, true)
	}
	switch v := v.(type) {
	case map[string]any:
		old, there := v[keys[0]]
		var next any
		var err error
		switch {
		case !there && len(keys) == 1:
			next, err = edit(nil, false)
		default:
			next, err = edited(old, keys[1:], edit)
		}
		if err != nil {
			return nil, err
		}
		c := make(map[string]any, len(v)+1)
		for k, x := range v {
			c[k] = x
		}
		c[keys[0]] = next
		return c, nil
	case []any:
		i, err := strconv.Atoi(keys[0])
		if err != nil || i < 0 || i >= len(v) {
			return nil, assay.Refuse(CodeUnusable, "no element %.20q of a list of %d", keys[0], len(v))
		}
		next, err := edited(v[i], keys[1:], edit)
		if err != nil {
			return nil, err
		}
		c := append([]any(nil), v...)
		c[i] = next
		return c, nil
	}
	return nil, assay.Refuse(CodeUnusable, "nothing called %.40q inside a negative's field", keys[0])
}

// xor flips bits of one byte of a hex field.
func xor(old, offset, mask any) (any, error) {
	b, err := parseHex(old)
	if err != nil {
		return nil, assay.Refuse(CodeUnusable, "xor of a field that is no hex")
	}
	n := 0
	if offset != nil {
		number, ok := offset.(json.Number)
		if !ok {
			return nil, assay.Refuse(CodeUnusable, "xor at offset %v", offset)
		}
		i, err := number.Int64()
		if err != nil || i < 0 || i >= int64(len(b)) {
			return nil, assay.Refuse(CodeUnusable, "xor at offset %v of %d bytes", offset, len(b))
		}
		n = int(i)
	}
	m, err := maskOf(mask)
	if err != nil || len(m) != 1 || m[0] == 0 || n >= len(b) {
		return nil, assay.Refuse(CodeUnusable, "xor with %v at %d of %d bytes", mask, n, len(b))
	}
	b[n] ^= m[0]
	return "0x" + hex.EncodeToString(b), nil
}

// maskOf reads a mask: two hex digits, or a number.
func maskOf(mask any) ([]byte, error) {
	if n, ok := mask.(json.Number); ok {
		v, err := strconv.ParseUint(n.String(), 10, 8)
		return []byte{byte(v)}, err
	}
	text, _ := mask.(string)
	return hex.DecodeString(strings.TrimPrefix(text, "0x"))
}
