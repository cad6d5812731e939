package assay

import (
	"crypto/ed25519"

	"github.com/capacloud/assay/canon"
)

// Tx carries messages under one signature. It applies as a whole or not at all,
// and pays its fee either way.
type Tx struct {
	_         struct{} `cbor:",toarray"`
	Version   uint8    // 1
	Network   NetworkID
	Signer    Key
	Nonce     uint64 // free choice; tells equal transactions apart
	Expiry    uint64 // last height at which it is accepted
	Messages  []Envelope
	Signature []byte
}

// MaxMessages bounds the messages of one transaction.
const MaxMessages = 256

// Codes of a transaction that is refused.
const (
	CodeTxBytes     Code = "malformed-transaction"
	CodeTxVersion   Code = "transaction-version"
	CodeTxNetwork   Code = "other-network"
	CodeTxSignature Code = "bad-signature"
	CodeTxExpired   Code = "transaction-expired"
	CodeTxDuplicate Code = "transaction-duplicate"
	CodeTxMessages  Code = "transaction-messages"
)

// SignTx builds and signs a transaction.
func SignTx(network NetworkID, key ed25519.PrivateKey, nonce, expiry uint64, messages ...Message) *Tx {
	tx := &Tx{Version: 1, Network: network, Signer: KeyOf(key), Nonce: nonce, Expiry: expiry}
	for _, m := range messages {
		tx.Messages = append(tx.Messages, Wrap(m))
	}
	id := tx.ID()
	tx.Signature = ed25519.Sign(key, id[:])
	return tx
}

// ID returns the hash that is signed. It does not cover the signature, so a
// second valid signature does not make a second transaction.
func (t *Tx) ID() Digest {
	unsigned := *t
	unsigned.Signature = nil
	return canon.HashValue("assay/tx/1", &unsigned)
}

// Bytes returns the wire form.
func (t *Tx) Bytes() []byte { return canon.Marshal(t) }

// DecodeTx reads a transaction and checks its form: encoding, version and the
// number of messages. The signature is checked by Verify, since a simulator
// may leave it out.
func DecodeTx(b []byte) (*Tx, error) {
	var t Tx
	if err := canon.Unmarshal(b, &t); err != nil {
		return nil, Refuse(CodeTxBytes, "%v", err)
	}
	switch {
	case t.Version != 1:
		return nil, Refuse(CodeTxVersion, "version %d, this is 1", t.Version)
	case len(t.Messages) == 0 || len(t.Messages) > MaxMessages:
		return nil, Refuse(CodeTxMessages, "%d messages; the range is 1 to %d", len(t.Messages), MaxMessages)
	}
	return &t, nil
}

// Verify checks network and signature.
func (t *Tx) Verify(network NetworkID) error {
	if t.Network != network {
		return Refuse(CodeTxNetwork, "signed for %s, this is %s", t.Network.Short(), network.Short())
	}
	id := t.ID()
	if len(t.Signature) != ed25519.SignatureSize || !ed25519.Verify(t.Signer[:], id[:], t.Signature) {
		return Refuse(CodeTxSignature, "by %s", t.Signer.Short())
	}
	return nil
}
