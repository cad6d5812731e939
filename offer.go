package assay

import (
	"crypto/ed25519"
	"slices"
	"unicode/utf8"

	"github.com/capacloud/assay/canon"
)

// Offer is a provider's standing word: what it runs, for how much, how many at
// once, and the stake that backs it. The owner account pays in the stake and is
// the unit of independence: no job draws two providers of one owner.
type Offer struct {
	_        struct{} `cbor:",toarray"`
	Provider Key
	Owner    Key
	Price    Amount   // per replica
	Runtimes []string // sorted
	Capacity uint32   // assignments held at once
	URL      string   // where its store serves blobs; empty: in-process
	Expiry   Time     // after it the offer is not drawn; zero: none
}

// Ranges of an offer's fields.
const (
	MaxRuntimes  = 16
	MaxCapacity  = 1 << 16
	MaxURLBytes  = 256
	CodeOffer    = Code("bad-offer")
	CodeConsent  = Code("no-provider-consent")
	consentLabel = "assay/consent/1"
)

// Validate refuses an offer with a field out of range.
func (o *Offer) Validate() error {
	switch {
	case o.Provider.IsZero() || o.Owner.IsZero():
		return Refuse(CodeOffer, "provider and owner must be named")
	case o.Price == 0:
		return Refuse(CodeOffer, "price is zero")
	case o.Capacity == 0 || o.Capacity > MaxCapacity:
		return Refuse(CodeOffer, "capacity %d; the range is 1 to %d", o.Capacity, MaxCapacity)
	case len(o.Runtimes) == 0 || len(o.Runtimes) > MaxRuntimes:
		return Refuse(CodeOffer, "%d runtimes; the range is 1 to %d", len(o.Runtimes), MaxRuntimes)
	case len(o.URL) > MaxURLBytes || !utf8.ValidString(o.URL):
		return Refuse(CodeOffer, "url of %d bytes; at most %d, UTF-8", len(o.URL), MaxURLBytes)
	case !slices.IsSorted(o.Runtimes) || len(slices.Compact(slices.Clone(o.Runtimes))) != len(o.Runtimes):
		return Refuse(CodeOffer, "runtimes must be sorted, each once")
	}
	return nil
}

// Consent is the provider key's signature under an owner: without it an owner
// could enrol a key that it does not hold and let the key's jobs go late.
func Consent(network NetworkID, owner Key, provider ed25519.PrivateKey) []byte {
	return ed25519.Sign(provider, consentBytes(network, owner, KeyOf(provider)))
}

// VerifyConsent checks a Consent.
func VerifyConsent(network NetworkID, owner, provider Key, sig []byte) error {
	if owner == provider && len(sig) == 0 {
		return nil // the owner's signature on the message is the provider's own
	}
	if !ed25519.Verify(provider[:], consentBytes(network, owner, provider), sig) {
		return Refuse(CodeConsent, "provider %s did not sign for owner %s", provider.Short(), owner.Short())
	}
	return nil
}

func consentBytes(network NetworkID, owner, provider Key) []byte {
	d := canon.Hash(consentLabel, network[:], owner[:], provider[:])
	return d[:]
}

// Listing is an offer as it stands in the draw: one leaf of the sum tree, whose
// weight is the free stake.
type Listing struct {
	_        struct{} `cbor:",toarray"`
	Owner    Key
	Provider Key
	Price    Amount
	Runtimes []string
	Free     Amount // stake not locked by an assignment
}
