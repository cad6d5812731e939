package assay

// A ceremony makes the keys of a circuit by many, as package zk/ceremony has it:
// contributions and the ends of its phases are messages of anybody.

// Limits of a ceremony's messages, in bytes. What a network can take is less: a
// contribution has to be verified within one block.
const (
	MaxCeremonySystem = 256 << 10
	MaxContribution   = 512 << 10
)

// OpenCeremony begins a ceremony for a circuit. Each of its two phases takes
// contributions for Window at least.
type OpenCeremony struct {
	_      struct{} `cbor:",toarray"`
	System []byte   // the constraint system's file, as package circuit writes it
	Window Millis
}

// Contribute adds to the open phase of a ceremony. It pays for its verification
// with Gas, of which the sender has to state enough.
type Contribute struct {
	_        struct{} `cbor:",toarray"`
	Ceremony Digest
	Gas      uint64
	Bytes    []byte
}

// EndPhase closes the open phase of a ceremony once its window has passed. In a
// later block it seals the closed one with that block's beacon; behind the second
// phase the key goes to the registry, under SetupCeremony.
type EndPhase struct {
	_        struct{} `cbor:",toarray"`
	Ceremony Digest
	Gas      uint64
}

// Kind implements Message.
func (*OpenCeremony) Kind() Kind { return KindOpenCeremony }

// Kind implements Message.
func (*Contribute) Kind() Kind { return KindContribute }

// Kind implements Message.
func (*EndPhase) Kind() Kind { return KindEndPhase }
