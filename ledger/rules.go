package ledger

import (
	"runtime"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

// rules is the version of the rule packages. It changes with every change that
// could make two replicas disagree: a new rule, another gas table, another
// encoding. third names what the rules call that is not ours.
const rules = "assay-rules/2"

var third = []string{
	"github.com/consensys/gnark@v0.16.3",
	"github.com/consensys/gnark-crypto@v0.22.0",
	"github.com/fxamacker/cbor/v2@v2.9.0",
	"github.com/oasisprotocol/curve25519-voi@v0.0.0-20230904125328-1f23a7beb09a",
}

// RulesVersion returns the hash of what decides: our rules, the third-party
// code that they call, and the Go release, since a standard library may judge a
// signature or certificate differently from the next. Validators state it when
// they meet; the genesis names it.
//
// It is a function of the binary alone. GODEBUG is not covered: reading the
// environment is no rule's business, so the node refuses to start with it set.
func RulesVersion() assay.Digest {
	parts := [][]byte{[]byte(rules), []byte(runtime.Version())}
	for _, m := range third {
		parts = append(parts, []byte(m))
	}
	return canon.Hash("assay/rules/1", parts...)
}
