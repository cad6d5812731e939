package receipt

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

// Anchor is where a verifier's trust starts: the genesis of a network, held by
// the verifier. A receipt's own bytes never take its place.
type Anchor struct {
	Genesis assay.Genesis
}

// An anchor's text is a head line, a line for people, and the canonical genesis
// in base64:
//
//	assay anchor 1
//	network "dev" in-process sha256:…
//	hQFk…
//	end
const (
	anchorHead  = "assay anchor 1"
	anchorEnd   = "end"
	anchorWidth = 76
	// MaxAnchorBytes bounds an anchor's text: a genesis of 100,000 accounts.
	MaxAnchorBytes = 8 << 20
)

// NewAnchor returns the anchor of a genesis.
func NewAnchor(g *assay.Genesis) (*Anchor, error) {
	a := &Anchor{Genesis: *g}
	return a, a.validate()
}

// String returns the anchor's text.
func (a *Anchor) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nnetwork %s\n", anchorHead, a.Name())
	text := []byte(base64.StdEncoding.EncodeToString(canon.Marshal(&a.Genesis)))
	for line := range slices.Chunk(text, anchorWidth) {
		b.Write(line)
		b.WriteByte('\n')
	}
	b.WriteString(anchorEnd + "\n")
	return b.String()
}

// Name returns the network's name, kind and identity, on one line.
func (a *Anchor) Name() string {
	return fmt.Sprintf("%q %s %s", a.Genesis.Name, a.Genesis.Kind, a.Genesis.ID())
}

// ParseAnchor reads an anchor's text and refuses whatever String would not have
// printed: another width, slack bits in the base64, a name or identity that is
// not the genesis's own.
func ParseAnchor(text []byte) (*Anchor, error) {
	if len(text) > MaxAnchorBytes {
		return nil, assay.Refuse(CodeAnchor, "%d bytes exceed %d", len(text), MaxAnchorBytes)
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) < 5 || lines[0] != anchorHead {
		return nil, assay.Refuse(CodeAnchor, "the first line is not %q", anchorHead)
	}
	b, err := base64.StdEncoding.Strict().DecodeString(strings.Join(lines[2:len(lines)-2], ""))
	if err != nil {
		return nil, assay.Refuse(CodeAnchor, "%v", err)
	}
	var a Anchor
	if err := canon.Unmarshal(b, &a.Genesis); err != nil {
		return nil, assay.Refuse(CodeAnchor, "%v", err)
	}
	if err := a.validate(); err != nil {
		return nil, err
	}
	if a.String() != string(text) {
		return nil, assay.Refuse(CodeAnchor, "the text is not the one form of this genesis")
	}
	return &a, nil
}

// validate refuses a genesis under which no receipt could be judged.
func (a *Anchor) validate() error {
	if err := a.Genesis.Validate(); err != nil {
		return assay.Refuse(CodeAnchor, "%v", err)
	}
	if err := checkSet(setOf(&a.Genesis)); err != nil {
		return assay.Refuse(CodeAnchor, "%v", err)
	}
	for _, v := range a.Genesis.Validators {
		if !strictKey(v.Consensus) {
			return assay.Refuse(CodeAnchor, "validator %q has a key of small order", v.Name)
		}
	}
	return nil
}
