package receipt

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/gowebpki/jcs"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/merkle"
)

// Names of the statement's forms.
const (
	StatementType = "https://in-toto.io/Statement/v1"
	PredicateType = "https://github.com/capacloud/assay/receipt/v1"
	PayloadType   = "application/vnd.in-toto+json"
	// TreeDigest is the algorithm of the digests of subjects: the root of
	// package merkle, SHA-256 over 1 KiB leaves, not the hash of the bytes.
	TreeDigest = "assayTreeV1"
)

// object is a JSON object. RFC 8785 sorts its keys, so a map is enough.
type object = map[string]any

// Statement returns the in-toto statement as RFC 8785 JSON. It is a pure
// function of record, case and artifacts: it is derived wherever it is needed,
// never read, so that no JSON parser stands between a receipt and its meaning.
// Integers are strings, since JSON numbers of more than 53 bits are not exact.
func (f *File) Statement() ([]byte, error) {
	text, err := json.Marshal(object{
		"_type":         StatementType,
		"subject":       f.subjects(),
		"predicateType": PredicateType,
		"predicate":     f.predicate(),
	})
	if err != nil {
		return nil, fmt.Errorf("statement of job %s: %w", f.Record.Job.Short(), err)
	}
	return jcs.Transform(text)
}

// subjects are the outputs, each under the name in which it is delivered. A
// receipt without outputs is about the job itself.
func (f *File) subjects() []object {
	list := []object{}
	for _, e := range f.outputs() {
		list = append(list, object{"name": e.Name, "digest": object{TreeDigest: hexOf(e.Digest)}})
	}
	if len(list) == 0 {
		list = append(list, object{"name": "job", "digest": object{"assayJobV1": hexOf(f.Record.Job)}})
	}
	return list
}

// outputs lists stdout, stderr and what stands in /out, as "out/<name>".
func (f *File) outputs() []merkle.Entry {
	var list []merkle.Entry
	for _, e := range f.Artifacts.Output {
		if e.Name != outName || e.Kind != merkle.Folder {
			list = append(list, e)
			continue
		}
		for _, inner := range f.Artifacts.Out {
			inner.Name = outName + "/" + inner.Name
			list = append(list, inner)
		}
	}
	return list
}

func (f *File) predicate() object {
	r := &f.Record
	return object{
		"network":     r.Network.String(),
		"job":         f.jobView(),
		"repeat":      r.Repeat,
		"policy":      f.Case.Job.Policy,
		"verdict":     verdictView(&r.Verdict),
		"findings":    findingViews(r.Verdict.Findings),
		"assumptions": assumptionViews(r.Verdict.Assumptions),
		"disputes":    disputeViews(&f.Case),
		"settlement":  settlementView(&r.Settlement),
		"evidence": object{
			"record": r.Digest().String(),
			"case":   r.Case.String(),
			"height": decimal(r.Height),
			"time":   r.Time.String(),
		},
	}
}

func (f *File) jobView() object {
	j, a := &f.Case.Job, &f.Artifacts
	v := object{
		"id":        f.Record.Job.String(),
		"runtime":   j.Runtime,
		"program":   contentView(a.Program),
		"args":      append([]string{}, j.Args...),
		"env":       append([]string{}, j.Env...),
		"input":     entryViews(a.Input),
		"seed":      decimal(j.Seed),
		"index":     decimal(j.Index),
		"requester": j.Requester.String(),
	}
	if a.Stdin != nil {
		v["stdin"] = contentView(*a.Stdin)
	}
	return v
}

func contentView(c Content) object {
	return object{"digest": c.Digest().String(), "size": decimal(c.Size)}
}

func entryViews(entries []merkle.Entry) []object {
	list := []object{}
	for _, e := range entries {
		list = append(list, object{"name": e.Name, "digest": e.Digest.String(), "size": decimal(e.Size), "folder": e.Kind == merkle.Folder})
	}
	return list
}

func verdictView(v *assay.Verdict) object {
	view := object{"outcome": v.Outcome.String()}
	if v.Code != "" {
		view["code"] = string(v.Code)
	}
	if r := v.Result; r != nil {
		view["result"] = object{
			"status": r.Status.String(), "exit_code": decimal(r.ExitCode), "trap": string(r.Trap), "fuel": decimal(r.Fuel),
			"output_root": r.Output.String(), "state_root": r.State.String(), "digest": r.Digest().String(),
		}
	}
	return view
}

func findingViews(reasons []assay.Reason) []object {
	list := []object{}
	for _, r := range reasons {
		list = append(list, object{"check": r.Check, "outcome": r.Outcome.String(), "text": r.Text})
	}
	return list
}

func assumptionViews(assumptions []assay.Assumption) []object {
	list := []object{}
	for _, a := range assumptions {
		list = append(list, object{"code": string(a.Code), "text": a.Text})
	}
	return list
}

func settlementView(s *assay.Settlement) object {
	faults := []object{}
	for _, x := range s.Faults {
		faults = append(faults, object{
			"seat": decimal(x.Seat), "provider": x.Provider.String(), "owner": x.Owner.String(), "class": string(x.Class),
			"slashed": x.Slashed.String(), "penalty": x.Penalty.String(), "text": x.Text,
		})
	}
	return object{
		"escrow": s.Escrow.String(), "paid": s.Paid.String(), "refunded": s.Refunded.String(), "fees": s.Fees.String(),
		"slashed": s.Slashed.String(), "burned": s.Burned.String(), "availability": s.Availability.String(),
		"payments": paymentViews(s.Payments), "faults": faults, "claims": claimViews(s.Claims), "posters": paymentViews(s.Posters),
	}
}

func paymentViews(payments []assay.Payment) []object {
	list := []object{}
	for _, p := range payments {
		list = append(list, object{"to": p.To.String(), "amount": p.Amount.String(), "code": string(p.Code), "seat": decimal(p.Seat)})
	}
	return list
}

func decimal[T uint16 | uint32 | uint64](n T) string { return strconv.FormatUint(uint64(n), 10) }

func hexOf(d assay.Digest) string { return d.String()[len(d.String())-2*len(d):] }

// Envelope is a DSSE envelope (secure-systems-lab/dsse), for tools that read
// in-toto. The file does not hold it: it is derived from the rest.
type Envelope struct {
	PayloadType string              `json:"payloadType"`
	Payload     string              `json:"payload"`
	Signatures  []EnvelopeSignature `json:"signatures"`
}

// EnvelopeSignature is the assembler's.
type EnvelopeSignature struct {
	KeyID string `json:"keyid"`
	Sig   string `json:"sig"`
}

// Envelope returns the statement in its DSSE envelope.
func (f *File) Envelope() (*Envelope, error) {
	payload, err := f.Statement()
	if err != nil {
		return nil, err
	}
	return &Envelope{
		PayloadType: PayloadType,
		Payload:     base64.StdEncoding.EncodeToString(payload),
		Signatures:  []EnvelopeSignature{{KeyID: f.Assembler.String(), Sig: base64.StdEncoding.EncodeToString(f.Signature[:])}},
	}, nil
}

// preAuth returns DSSE's pre-authentication encoding: what is signed. The
// lengths keep type and payload apart.
func preAuth(payload []byte) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(PayloadType), PayloadType, len(payload), payload)
}

// sign makes key the assembler.
func (f *File) sign(key ed25519.PrivateKey) error {
	payload, err := f.Statement()
	if err != nil {
		return err
	}
	f.Assembler = assay.KeyOf(key)
	f.Signature = Signature(ed25519.Sign(key, preAuth(payload)))
	return nil
}

// checkEnvelope verifies the assembler's signature on the derived statement. It
// establishes that neither key nor signature was touched alone, and nothing
// about who the assembler is.
func (f *File) checkEnvelope() error {
	payload, err := f.Statement()
	if err != nil {
		return assay.Refuse(CodeBrokenRule, "%v", err)
	}
	if !verifyStrict(f.Assembler, preAuth(payload), f.Signature) {
		return assay.Refuse(CodeBrokenSignature, "of the assembler %s on the statement", f.Assembler.Short())
	}
	return nil
}
