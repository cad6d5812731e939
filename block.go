package assay

// Block is what the rules see of a block. An empty one, without Time, changes
// nothing and never reaches them.
type Block struct {
	Height uint64
	Time   Time
	Beacon Beacon
	Txs    [][]byte
}

// Beacon is the randomness of a block: unique for its (chain, height), so that
// whoever makes the block cannot choose it. With one validator it is the
// operator's word all the same, since nobody else can see a block withheld.
type Beacon struct {
	_         struct{} `cbor:",toarray"`
	Value     Digest
	Validator Key    // VRF key; zero in a simulation
	Proof     []byte // RFC 9381 proof over BeaconInput; empty in a simulation
}

// Moment is a point on the ledger.
type Moment struct {
	_      struct{} `cbor:",toarray"`
	Height uint64
	Time   Time
	Clock  Clock
}
