package receipt

import (
	"bytes"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// In a draw that finds nobody, up to 64 numbers name the same few listings, each
// with its path: ten times the rest of a receipt. The file therefore keeps every
// listing and every reason once, in the order of first use, and tries refer to
// them. Packing is a function of the case, and Decode refuses what it would not
// have written.

// wire is the file as it is written.
type wire struct {
	_          struct{} `cbor:",toarray"`
	Version    uint8
	Record     assay.Record
	Case       board.Case // without draws, verdict and record
	Draws      []packedDraw
	Listings   []packedListing
	Skips      []assay.Code
	Artifacts  Artifacts
	Path       Path
	Header     Header
	Validators []Validator
	Commit     Commit
	Witnesses  [][]byte
	Assembler  assay.Key
	Signature  Signature
}

// packedListing is a leaf of a market with its path.
type packedListing struct {
	_       struct{} `cbor:",toarray"`
	Listing assay.Listing
	Path    []merkle.SumStep
}

type packedDraw struct {
	_      struct{} `cbor:",toarray"`
	Role   assay.Role
	Asked  uint64
	Height uint64
	Beacon assay.Beacon
	Market merkle.SumNode
	Seats  []packedSeat
}

type packedSeat struct {
	_      struct{} `cbor:",toarray"`
	Number uint16
	Vacant bool
	Tries  []packedTry
}

// packedTry holds indices into Listings and Skips.
type packedTry struct {
	_       struct{} `cbor:",toarray"`
	Listing uint16
	Skip    uint16
}

// maxUnpacked bounds the bytes that a file's tries stand for. Without it a small
// file could name one large listing a million times.
const maxUnpacked = 8 << 20

// table numbers values by their bytes, in the order in which they come.
type table struct{ seen map[string]uint16 }

// number returns the value's number, and whether it is new.
func (t *table) number(v any) (uint16, bool) {
	text := string(canon.Marshal(v))
	n, ok := t.seen[text]
	if !ok {
		n = uint16(len(t.seen))
		t.seen[text] = n
	}
	return n, !ok
}

// packDraws fills the wire's draws from the case's.
func (w *wire) packDraws(draws []board.Draw) {
	listings, skips := table{map[string]uint16{}}, table{map[string]uint16{}}
	for _, d := range draws {
		p := packedDraw{Role: d.Role, Asked: d.Asked, Height: d.Height, Beacon: d.Beacon, Market: d.Market}
		for _, s := range d.Seats {
			q := packedSeat{Number: s.Number, Vacant: s.Vacant}
			for _, try := range s.Tries {
				l := packedListing{Listing: try.Listing, Path: try.Path}
				a, fresh := listings.number(&l)
				if fresh {
					w.Listings = append(w.Listings, l)
				}
				b, fresh := skips.number(try.Skip)
				if fresh {
					w.Skips = append(w.Skips, try.Skip)
				}
				q.Tries = append(q.Tries, packedTry{Listing: a, Skip: b})
			}
			p.Seats = append(p.Seats, q)
		}
		w.Draws = append(w.Draws, p)
	}
}

// draws returns the case's draws. It checks indices and the size that they
// stand for; that the tables are as packDraws writes them is seen by packing
// again.
func (w *wire) draws() ([]board.Draw, error) {
	sizes := make([]int, len(w.Listings))
	for i := range w.Listings {
		sizes[i] = len(canon.Marshal(&w.Listings[i]))
	}
	var draws []board.Draw
	total := 0
	for _, p := range w.Draws {
		d := board.Draw{Role: p.Role, Asked: p.Asked, Height: p.Height, Beacon: p.Beacon, Market: p.Market}
		for _, q := range p.Seats {
			s := board.SeatDraw{Number: q.Number, Vacant: q.Vacant}
			for _, try := range q.Tries {
				if int(try.Listing) >= len(w.Listings) || int(try.Skip) >= len(w.Skips) {
					return nil, assay.Refuse(CodeMalformed, "a try names listing %d of %d and reason %d of %d", try.Listing, len(w.Listings), try.Skip, len(w.Skips))
				}
				l, skip := &w.Listings[try.Listing], w.Skips[try.Skip]
				if total += sizes[try.Listing] + len(skip); total > maxUnpacked {
					return nil, assay.Refuse(CodeMalformed, "its draws unpack to more than %d bytes", maxUnpacked)
				}
				s.Tries = append(s.Tries, board.Try{Listing: l.Listing, Path: l.Path, Skip: skip})
			}
			d.Seats = append(d.Seats, s)
		}
		draws = append(draws, d)
	}
	return draws, nil
}

// Bytes returns the file.
func (f *File) Bytes() []byte {
	w := wire{
		Version: f.Version, Record: f.Record, Case: f.Case, Artifacts: f.Artifacts, Path: f.Path, Header: f.Header,
		Validators: f.Validators, Commit: f.Commit, Witnesses: f.Witnesses, Assembler: f.Assembler, Signature: f.Signature,
	}
	w.packDraws(f.Case.Draws)
	w.Case.Draws = nil
	return canon.Marshal(&w)
}

// Decode reads a receipt in its canonical form and checks nothing but the form.
func Decode(b []byte) (*File, error) {
	if len(b) > MaxBytes {
		return nil, assay.Refuse(CodeMalformed, "%d bytes exceed %d", len(b), MaxBytes)
	}
	var w wire
	if err := canon.Unmarshal(b, &w); err != nil {
		return nil, assay.Refuse(CodeMalformed, "%v", err)
	}
	switch {
	case w.Version != Version:
		return nil, assay.Refuse(CodeMalformed, "version %d, this is %d", w.Version, Version)
	case w.Case.Record != nil || w.Case.Verdict != nil || len(w.Case.Draws) != 0:
		return nil, assay.Refuse(CodeMalformed, "record, verdict or draws stand in it twice")
	case holdProofs(w.Case.Disputes):
		return nil, assay.Refuse(CodeMalformed, "witnesses stand in it twice")
	}
	f := File{
		Version: w.Version, Record: w.Record, Case: w.Case, Artifacts: w.Artifacts, Path: w.Path, Header: w.Header,
		Validators: w.Validators, Commit: w.Commit, Witnesses: w.Witnesses, Assembler: w.Assembler, Signature: w.Signature,
	}
	var err error
	if f.Case.Draws, err = w.draws(); err != nil {
		return nil, err
	}
	if !bytes.Equal(f.Bytes(), b) {
		return nil, assay.Refuse(CodeMalformed, "its draws are packed in another way than the one there is")
	}
	return &f, nil
}
