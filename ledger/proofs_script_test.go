package ledger_test

import (
	"cmp"
	"strings"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/evidence/toy"
	"github.com/capacloud/assay/policy"
)

// Proofs of scripts are hashes, and keys are words: what a proof is worth is the
// business of package zk. Real ones settle jobs in cmd/assay's scripts.
func init() {
	board.SetProof(policy.ZK, func(e *policy.Expr) board.ProofCheck {
		check := toy.Check{Text: e.String(), Commit: e.Bind == "commit", Unique: e.System == "plonk"}
		return board.ProofCheck{Check: check, Gas: toy.Gas, Size: 1 << 18}
	})
	board.SetKeyDigest(toyKey)
}

func toyKey(key []byte) (assay.Digest, error) {
	if !strings.HasPrefix(string(key), "key") {
		return assay.Digest{}, assay.Refuse(toy.CodeProof, "%.20q is no key", key)
	}
	return canon.Hash("toy/key", key), nil
}

func keyNamed(name string) assay.Digest { return canon.Hash("toy/key", []byte(name)) }

// proofMessage is a message of the registry or a piece of evidence:
//
//	register key=key1 setup=2 · kill key=key1
//	promise job=j · proof job=j as=wrong forged=1 pad=300000 part=1 gas=5
func (s *script) proofMessage(t *testing.T, signer, kind string, args map[string]string) assay.Message {
	switch kind {
	case "register":
		return &assay.RegisterKey{Key: []byte(args["key"]), Setup: assay.Setup(atoi(t, cmp.Or(args["setup"], "0")))}
	case "kill":
		return &assay.KillKey{Key: keyNamed(args["key"])}
	case "promise", "proof":
	default:
		return nil
	}
	c, ok := s.w.ledger.Case(jobID(s.w, args["job"]))
	if !ok {
		t.Fatalf("no case %q", args["job"])
	}
	e := toy.Evidence{Payee: s.w.key(signer)}
	for _, x := range c.Seats {
		if x.Provider == e.Payee {
			e.Seat = x.Number
		}
	}
	check := c.Job.Policy
	if i := strings.Index(check, "zk("); i > 0 {
		check = strings.TrimSuffix(check[i:], ")")
	}
	commit := strings.Contains(check, "bind=commit")
	r := result(cmp.Or(args["as"], "right"))
	e.Result = r.Digest()
	e.Seal = toy.Seal(commit, c.ID, e.Payee, e.Result)
	if args["forged"] != "" {
		e.Seal[0]++
	}
	if kind == "promise" {
		e = toy.Evidence{Seat: e.Seat, Commitment: toy.Commitment(c.ID, e.Payee, e.Seal)}
	}
	e.Pad = make([]byte, atoi(t, cmp.Or(args["pad"], "0")))
	parts := assay.EvidenceParts(c.ID, check, e.Bytes(), uint64(atoi(t, cmp.Or(args["gas"], "1000000"))))
	return parts[atoi(t, cmp.Or(args["part"], "0"))]
}

// keysOf reads "keys=key1,key2" of a submission.
func keysOf(args map[string]string) []assay.Digest {
	var list []assay.Digest
	for name := range strings.SplitSeq(args["keys"], ",") {
		if name != "" {
			list = append(list, keyNamed(name))
		}
	}
	return list
}

// policyNamed spells policies whose text has a space in it.
func policyNamed(name string) string {
	switch name {
	case "":
		return "quorum(3)"
	case "stored":
		return "zk(sp1, bind=commit)"
	}
	return name
}
