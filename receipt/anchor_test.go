package receipt

import (
	"bytes"
	"strings"
	"testing"

	"github.com/capacloud/assay"
)

func TestAnchorRoundTrip(t *testing.T) {
	n := newNetwork(assay.InProcess, 3, honest)
	n.g.Name = "a \"name\"\nin two lines"
	text := n.anchor(t).String()
	a, err := ParseAnchor([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if a.Genesis.ID() != n.g.ID() || a.String() != text {
		t.Error("the anchor changed on its way")
	}
}

// TestAnchorRefusesChanges flips every bit of an anchor's text: a verifier who
// is told to trust bytes must know which network they name.
func TestAnchorRefusesChanges(t *testing.T) {
	text := []byte(newNetwork(assay.Dev, 1, honest).anchor(t).String())
	for i := range text {
		for bit := range 8 {
			altered := bytes.Clone(text)
			altered[i] ^= 1 << bit
			if _, err := ParseAnchor(altered); assay.CodeOf(err) != CodeAnchor || err == nil {
				t.Fatalf("bit %d of byte %d: %v", bit, i, err)
			}
		}
	}
	for name, altered := range map[string]string{
		"empty":       "",
		"cut":         string(text[:len(text)/2]),
		"trailing":    string(text) + "\n",
		"CRLF":        strings.ReplaceAll(string(text), "\n", "\r\n"),
		"one line":    strings.ReplaceAll(string(text), "\n", ""),
		"other width": strings.Replace(string(text), "\n", "", 3),
		"a head only": anchorHead + "\n\n\n\n\n",
	} {
		if _, err := ParseAnchor([]byte(altered)); assay.CodeOf(err) != CodeAnchor || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAnchorRefusesGenesis tries networks under which votes could be forged or
// counted twice.
func TestAnchorRefusesGenesis(t *testing.T) {
	for name, alter := range map[string]func(*assay.Genesis){
		"no validators":            func(g *assay.Genesis) { g.Validators = nil },
		"one consensus key twice":  func(g *assay.Genesis) { g.Validators[1].Consensus = g.Validators[0].Consensus },
		"a key of small order":     func(g *assay.Genesis) { g.Validators[0].Consensus = assay.Key{1} },
		"no power":                 func(g *assay.Genesis) { g.Validators[0].Power = 0 },
		"another version":          func(g *assay.Genesis) { g.Version = 2 },
		"numbers that divide by 0": func(g *assay.Genesis) { g.Params.FuelRate = 0 },
	} {
		n := newNetwork(assay.Dev, 2, honest)
		alter(n.g)
		if _, err := NewAnchor(n.g); assay.CodeOf(err) != CodeAnchor || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
