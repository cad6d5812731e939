package ledger

import (
	"slices"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
)

// VerifyingKey is a key of the registry. It is on record for ever, so that the
// proofs under it can be looked at for ever.
type VerifyingKey struct {
	_      struct{} `cbor:",toarray"`
	Key    []byte
	Setup  assay.Setup
	Height uint64      // of the block that registered it
	Votes  []assay.Key // accounts of the validators that want it withdrawn
	Killed bool
}

// Codes of the registry.
const (
	CodeKeyUnknown assay.Code = "key-unknown"
	CodeKeyKilled  assay.Code = "key-killed"
	CodeKeySetup   assay.Code = "key-setup"
)

func registryCodes() []assay.CodeInfo {
	return []assay.CodeInfo{
		{Code: CodeKeyUnknown, Kind: assay.KindRefusal, Text: "the verifying key is not on the network's registry, or is named twice", Hint: "register it first: `assay zk key register FILE`"},
		{Code: CodeKeyKilled, Kind: assay.KindRefusal, Text: "validators have withdrawn the verifying key: proofs under it count for nothing", Hint: "use a newer release of the proof system, or another key"},
		{Code: CodeKeySetup, Kind: assay.KindRefusal, Text: "the network does not take keys of this origin by word alone", Hint: "a single-party key is for networks that are marked insecure; a ceremony's key comes from its transcript"},
	}
}

// registerKey puts a key on record. The first word about its origin stands: a
// second one could only be somebody's who wants it to look better or worse.
func (w *block) registerKey(m *assay.RegisterKey) error {
	switch {
	case m.Setup == assay.SetupPinned:
	case m.Setup == assay.SetupInsecure && w.l.genesis.Kind != assay.Public:
	default:
		return assay.Refuse(CodeKeySetup, "origin %d on a %s network", m.Setup, w.l.genesis.Kind)
	}
	digest, err := board.KeyDigest(m.Key)
	if err != nil {
		return err
	}
	if _, known := w.l.keys.get(digest); !known {
		w.l.keys.set(digest, VerifyingKey{Key: m.Key, Setup: m.Setup, Height: w.at.Height})
	}
	return nil
}

// killKey counts a validator's vote. Cases hear of it when they next move: what
// their checks say is judged then.
func (w *block) killKey(from assay.Key, m *assay.KillKey) error {
	if _, ok := w.l.genesis.ValidatorOf(from); !ok {
		return assay.Refuse(board.CodeNotValidator, "%s", from.Short())
	}
	row, ok := w.l.keys.get(m.Key)
	switch {
	case !ok:
		return assay.Refuse(CodeKeyUnknown, "%s", m.Key.Short())
	case slices.Contains(row.Votes, from):
		return assay.Refuse(board.CodeRepeated, "%s", from.Short())
	}
	row.Votes = append(slices.Clone(row.Votes), from)
	row.Killed = row.Killed || board.PowerOf(w.l.genesis, row.Votes)
	w.l.keys.set(m.Key, row)
	return nil
}

// nameKeys gives a case the keys that its job has named.
func (w *block) nameKeys(c *board.Case, keys []assay.Digest) error {
	for _, d := range keys {
		row, ok := w.l.keys.get(d)
		switch {
		case !ok || slices.ContainsFunc(c.Keys, func(k assay.ProofKey) bool { return k.Digest == d }):
			return assay.Refuse(CodeKeyUnknown, "%s", d)
		case row.Killed:
			return assay.Refuse(CodeKeyKilled, "%s", d)
		}
		c.Keys = append(c.Keys, assay.ProofKey{Digest: d, Key: row.Key, Setup: row.Setup})
	}
	return nil
}

// killKeys tells an open case which of its keys were withdrawn.
func (w *block) killKeys(c *board.Case) {
	for _, k := range c.Keys {
		if row, ok := w.l.keys.get(k.Digest); ok && row.Killed && !k.Killed {
			c.Kill(k.Digest)
		}
	}
}

// fillKeys gives a case that was read the bytes of its keys, which are on record
// once and not with every case.
func (l *Ledger) fillKeys(c *board.Case) {
	for i := range c.Keys {
		row, _ := l.keys.get(c.Keys[i].Digest)
		c.Keys[i].Key = row.Key
	}
}

// bareKeys returns the keys of a case without their bytes.
func bareKeys(keys []assay.ProofKey) []assay.ProofKey {
	list := slices.Clone(keys)
	for i := range list {
		list[i].Key = nil
	}
	return list
}

// VerifyingKey returns a key of the registry.
func (l *Ledger) VerifyingKey(digest assay.Digest) (VerifyingKey, bool) { return l.keys.get(digest) }

// VerifyingKeys returns the registry in order of digest.
func (l *Ledger) VerifyingKeys() []VerifyingKey {
	var list []VerifyingKey
	prefix := []byte{tabKey}
	l.store.Ascend(prefix, after(prefix), func(k, v []byte) bool {
		list = append(list, decode[VerifyingKey](k, v))
		return true
	})
	return list
}

func (w *block) finishKeys() {
	for _, d := range w.l.keys.changed() {
		if now := w.l.keys.rows[d]; now.ok {
			w.write(KeyKey(d), canon.Marshal(now.value))
		}
	}
}
