package assay

import (
	"fmt"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// Message is one change that a transaction asks for. Its concrete types are
// below; the ledger decides what they do.
type Message interface{ Kind() Kind }

// Kind numbers a message type on the wire. Numbers are never reused.
type Kind uint8

// The messages.
const (
	KindTransfer Kind = 1
	KindFaucet   Kind = 2
	KindOffer    Kind = 3
	KindWithdraw Kind = 4
	KindStake    Kind = 5
	KindUnstake  Kind = 6
	KindSubmit   Kind = 7
	KindCommit   Kind = 8
	KindTag      Kind = 9
	KindOpen     Kind = 10
	KindAttest   Kind = 11
	KindAnswer   Kind = 12
	KindEvidence Kind = 13
	KindTick     Kind = 14
	KindProgram  Kind = 15
	KindClaim    Kind = 16
	KindRefine   Kind = 17
	KindProof    Kind = 18

	KindCheckpoint Kind = 19
	KindResume     Kind = 20

	KindRegisterKey Kind = 21
	KindKillKey     Kind = 22

	KindOpenCeremony Kind = 23
	KindContribute   Kind = 24
	KindEndPhase     Kind = 25
)

// Transfer moves credits from the signer's balance.
type Transfer struct {
	_      struct{} `cbor:",toarray"`
	To     Key
	Amount Amount
}

// Faucet mints credits for an account; dev and in-process networks only.
type Faucet struct {
	_      struct{} `cbor:",toarray"`
	To     Key
	Amount Amount
}

// PostOffer places or replaces the offer of a provider. The owner signs.
type PostOffer struct {
	_       struct{} `cbor:",toarray"`
	Offer   Offer
	Consent []byte // VerifyConsent; empty when owner and provider are one key
}

// Withdraw takes an offer off the market. Assignments already drawn stay due.
// The owner signs.
type Withdraw struct {
	_        struct{} `cbor:",toarray"`
	Provider Key
}

// Stake moves credits from the owner's balance into a provider's stake.
type Stake struct {
	_        struct{} `cbor:",toarray"`
	Provider Key
	Amount   Amount
}

// Unstake moves free stake back. The owner signs.
type Unstake struct {
	_        struct{} `cbor:",toarray"`
	Provider Key
	Amount   Amount
}

// Submit opens a case. The job's requester signs and pays the escrow. Bytes is
// the requester's claim of how much an executor has to fetch; it lengthens the
// commit clock.
type Submit struct {
	_     struct{} `cbor:",toarray"`
	Job   Job
	Bytes uint64
	Keys  []Digest // verifying keys that the job's proofs may use, all on the network's registry
}

// Commit binds a drawn provider to a result that nobody else can read.
type Commit struct {
	_      struct{} `cbor:",toarray"`
	Job    JobID
	Seat   uint16
	Commit Digest // CommitTo
}

// Tag shows whether two commitments hold equal results.
type Tag struct {
	_    struct{} `cbor:",toarray"`
	Job  JobID
	Seat uint16
	Tag  Digest // TagOf
}

// Open shows the result behind a commitment.
type Open struct {
	_      struct{} `cbor:",toarray"`
	Job    JobID
	Seat   uint16
	Salt   Digest
	Result Result
}

// Attest is a validator's word that it holds the output bytes, or program and
// inputs when Output is the job's InputsDigest.
type Attest struct {
	_      struct{} `cbor:",toarray"`
	Job    JobID
	Output Digest
}

// Answer posts the leaves of the output that a beacon named: it proves that
// the bytes can be had, against validators who will not attest.
type Answer struct {
	_        struct{} `cbor:",toarray"`
	Job      JobID
	Openings []merkle.Opening
}

// EvidencePart is the number of bytes of evidence in one PostEvidence, the last
// one of a body excepted.
const EvidencePart = 256 << 10

// PostEvidence hands evidence to a check of the job's policy, in parts and in
// their order. The part that completes it has the check look at it, and pays for
// that with Gas, of which the sender has to state enough.
type PostEvidence struct {
	_      struct{} `cbor:",toarray"`
	Job    JobID
	Check  string
	Digest Digest // EvidenceDigest of all parts together
	Size   uint32 // bytes of all parts together
	Part   uint16 // from 0
	Gas    uint64 // zero but in the last part
	Body   []byte
}

// EvidenceDigest names the body of a piece of evidence.
func EvidenceDigest(body []byte) Digest { return canon.Hash("assay/evidence/1", body) }

// EvidenceParts cuts a body into messages.
func EvidenceParts(job JobID, check string, body []byte, gas uint64) []*PostEvidence {
	digest, size := EvidenceDigest(body), uint32(len(body))
	var list []*PostEvidence
	for {
		n := min(len(body), EvidencePart)
		list = append(list, &PostEvidence{Job: job, Check: check, Digest: digest, Size: size, Part: uint16(len(list)), Body: body[:n]})
		if body = body[n:]; len(body) == 0 {
			list[len(list)-1].Gas = gas
			return list
		}
	}
}

// RegisterKey puts a verifying key on the network's registry, for ever. Anybody
// may, and pays for its bytes; to register it again changes nothing. Setup says
// where it comes from, as far as the network can know: SetupInsecure is taken on
// networks that are marked insecure only.
type RegisterKey struct {
	_     struct{} `cbor:",toarray"`
	Key   []byte
	Setup Setup
}

// KillKey is a validator's vote to withdraw a verifying key: because its setup
// was found to be broken, or the circuit behind it. With two thirds of the power,
// what the key proves counts for nothing in any case that is still open.
type KillKey struct {
	_   struct{} `cbor:",toarray"`
	Key Digest
}

// ProgramChunk is the number of program bytes in one PostProgram, the last one
// excepted: an aligned subtree of 256 leaves.
const ProgramChunk = 256 << 10

// PostProgram posts chunk number Chunk of a job's program. The rules read a
// program from messages only: a blob may be missing on some validator.
type PostProgram struct {
	_     struct{} `cbor:",toarray"`
	Job   JobID
	Size  uint64 // of the whole program, as its digest says
	Chunk uint32
	Bytes []byte
	Path  []Digest // of the chunk's subtree in the program's tree, from below
}

// PostClaim states the whole trace of a job's machine: the roots of the states
// at equal distances, of which the last is the root of the halted state Last.
// The signer posts a bond with it.
type PostClaim struct {
	_     struct{} `cbor:",toarray"`
	Job   JobID
	Steps uint64   // after which the machine halts; sets clocks and proves nothing
	Last  []byte   // the record of the last state, which states the result
	Roots []Digest // dispute.Arity of them; state 0 is known
}

// PostRefinement states the middles of one interval of the signer's claim: the
// one of Arity^Level steps at Offset.
type PostRefinement struct {
	_      struct{} `cbor:",toarray"`
	Job    JobID
	Claim  uint16
	Level  uint8
	Offset uint64
	Roots  []Digest // dispute.Arity - 1 of them
}

// PostProof lets the ledger re-execute a disputed interval of the signer's
// claim from a witness.
type PostProof struct {
	_       struct{} `cbor:",toarray"`
	Job     JobID
	Claim   uint16
	Level   uint8
	Offset  uint64
	Witness []byte
}

// PostCheckpoint says that the signer's run of an epoch program has come to a
// boundary in this state. The signer answers for every step that it ran to it.
type PostCheckpoint struct {
	_     struct{} `cbor:",toarray"`
	Job   JobID
	Seat  uint16
	Epoch uint32 // number of the boundary, from 1
	Root  Digest // of the machine's state there
	File  Digest // of the checkpoint, which the signer serves; zero: the signer only confirms the root
	Size  uint64 // of it
}

// PostResume says that the signer's run goes on from a checkpoint on the board:
// it answers for no step before it.
type PostResume struct {
	_     struct{} `cbor:",toarray"`
	Job   JobID
	Seat  uint16
	From  uint16 // seat that posted it
	Epoch uint32
}

// Tick makes a block while something is owed. A due tick is free, an undue one
// is refused.
type Tick struct {
	_ struct{} `cbor:",toarray"`
}

// Kind implements Message.
func (*Transfer) Kind() Kind       { return KindTransfer }
func (*Faucet) Kind() Kind         { return KindFaucet }
func (*PostOffer) Kind() Kind      { return KindOffer }
func (*Withdraw) Kind() Kind       { return KindWithdraw }
func (*Stake) Kind() Kind          { return KindStake }
func (*Unstake) Kind() Kind        { return KindUnstake }
func (*Submit) Kind() Kind         { return KindSubmit }
func (*Commit) Kind() Kind         { return KindCommit }
func (*Tag) Kind() Kind            { return KindTag }
func (*Open) Kind() Kind           { return KindOpen }
func (*Attest) Kind() Kind         { return KindAttest }
func (*Answer) Kind() Kind         { return KindAnswer }
func (*PostEvidence) Kind() Kind   { return KindEvidence }
func (*Tick) Kind() Kind           { return KindTick }
func (*PostProgram) Kind() Kind    { return KindProgram }
func (*PostClaim) Kind() Kind      { return KindClaim }
func (*PostRefinement) Kind() Kind { return KindRefine }
func (*PostProof) Kind() Kind      { return KindProof }
func (*PostCheckpoint) Kind() Kind { return KindCheckpoint }
func (*PostResume) Kind() Kind     { return KindResume }

// Kind implements Message.
func (*RegisterKey) Kind() Kind { return KindRegisterKey }

// Kind implements Message.
func (*KillKey) Kind() Kind { return KindKillKey }

// String returns the message's name.
func (k Kind) String() string {
	if i, ok := messages[k]; ok {
		return i.name
	}
	return fmt.Sprintf("kind-%d", uint8(k))
}

// messages is the one table of message types: name, size limit of the encoded
// body in bytes, constructor.
var messages = map[Kind]struct {
	name string
	max  int
	new  func() Message
}{
	KindTransfer:     {"transfer", 128, func() Message { return new(Transfer) }},
	KindFaucet:       {"faucet", 128, func() Message { return new(Faucet) }},
	KindOffer:        {"offer", 2048, func() Message { return new(PostOffer) }},
	KindWithdraw:     {"withdraw", 64, func() Message { return new(Withdraw) }},
	KindStake:        {"stake", 64, func() Message { return new(Stake) }},
	KindUnstake:      {"unstake", 64, func() Message { return new(Unstake) }},
	KindSubmit:       {"submit", 256 << 10, func() Message { return new(Submit) }},
	KindCommit:       {"commit", 128, func() Message { return new(Commit) }},
	KindTag:          {"tag", 128, func() Message { return new(Tag) }},
	KindOpen:         {"open", 512, func() Message { return new(Open) }},
	KindAttest:       {"attest", 128, func() Message { return new(Attest) }},
	KindAnswer:       {"answer", 512 << 10, func() Message { return new(Answer) }},
	KindRegisterKey:  {"register-key", MaxProofKey + 64, func() Message { return new(RegisterKey) }},
	KindKillKey:      {"kill-key", 64, func() Message { return new(KillKey) }},
	KindOpenCeremony: {"open-ceremony", MaxCeremonySystem + 64, func() Message { return new(OpenCeremony) }},
	KindContribute:   {"contribute", MaxContribution + 64, func() Message { return new(Contribute) }},
	KindEndPhase:     {"end-phase", 64, func() Message { return new(EndPhase) }},
	KindEvidence:     {"evidence", EvidencePart + MaxPolicyText + 256, func() Message { return new(PostEvidence) }},
	KindTick:         {"tick", 16, func() Message { return new(Tick) }},
	KindProgram:      {"program", ProgramChunk + 4096, func() Message { return new(PostProgram) }},
	KindClaim:        {"claim", 8192, func() Message { return new(PostClaim) }},
	KindRefine:       {"refinement", 4096, func() Message { return new(PostRefinement) }},
	KindCheckpoint:   {"checkpoint", 256, func() Message { return new(PostCheckpoint) }},
	KindResume:       {"resume", 128, func() Message { return new(PostResume) }},
	KindProof:        {"proof", 256<<10 + 4096, func() Message { return new(PostProof) }},
}

// Codes of a message that cannot be read.
const (
	CodeMessageKind  Code = "unknown-message"
	CodeMessageSize  Code = "message-too-large"
	CodeMessageBytes Code = "malformed-message"
)

// Envelope is a message on the wire.
type Envelope struct {
	_    struct{} `cbor:",toarray"`
	Kind Kind
	Body []byte
}

// Wrap encodes a message.
func Wrap(m Message) Envelope { return Envelope{Kind: m.Kind(), Body: canon.Marshal(m)} }

// Message decodes an envelope, strictly and within the size limit of its kind.
func (e *Envelope) Message() (Message, error) {
	info, ok := messages[e.Kind]
	if !ok {
		return nil, Refuse(CodeMessageKind, "%d", e.Kind)
	}
	if len(e.Body) > info.max {
		return nil, Refuse(CodeMessageSize, "%s of %d bytes; at most %d", info.name, len(e.Body), info.max)
	}
	m := info.new()
	if err := canon.Unmarshal(e.Body, m); err != nil {
		return nil, Refuse(CodeMessageBytes, "%s: %v", info.name, err)
	}
	return m, nil
}
