package ledger

import (
	"encoding/binary"

	"github.com/capacloud/assay"
)

// The keys of the state. Values are canonical CBOR unless said otherwise, and
// never empty. A key begins with one byte that names its table, or with
// "record/" for the one that outsiders prove.
const (
	tabMeta      = 'm' // one Meta
	tabBefore    = 'b' // listings as they stood before the last block
	tabAccount   = 'a' // account → Account
	tabProvider  = 'o' // provider → Provider
	tabOwned     = 'n' // owner, provider → mark
	tabSlot      = 'f' // free slot of the sum tree → mark
	tabCase      = 'c' // job → board.Case without its draws
	tabDraw      = 'y' // job, number → board.Draw
	tabWork      = 'k' // work → id of the first job that settled it accepted
	tabClockDue  = 'd' // clock, job → mark
	tabTimeDue   = 'x' // time, job → liabilities that end then
	tabWaiting   = 'w' // job → mark: a beacon is awaited
	tabSeat      = 's' // provider, job → mark, while the case is open
	tabRequested = 'q' // requester, job → open or closed
	tabWindow    = 't' // height → ids of the transactions included there
	tabGame      = 'g' // job, number → board.Dispute, of the case
	tabWitness   = 'z' // job, dispute, number → witness of a proof of its game
	tabAppeal    = 'v' // job, number → board.Appeal
	tabAppealed  = 'r' // job → mark, while an appeal runs
	tabHeld      = 'h' // job → liabilities that wait for the end of an appeal
	tabDefend    = 'e' // provider, job → mark, while an appeal runs against it
	tabClaimant  = 'l' // author, job → mark, while a bond of a claim is locked
	tabProgram   = 'p' // program → Program, while it is posted and lowered
	tabChunk     = 'u' // program, number → bytes
	tabAwait     = 'i' // program, job → mark: a dispute waits for the image
	tabLower     = 'j' // height, program → mark: all posted, to be lowered
	tabKey       = 'K' // digest → VerifyingKey
	tabSpent     = 'S' // statement → the job that it belongs to
	tabPart      = 'P' // job, piece, part → bytes of evidence
	tabCeremony  = 'C' // id → Ceremony
	tabShare     = 'D' // ceremony, phase, number → ceremony.Contribution

	// These outsiders prove, too.
	recordPrefix     = "record/"
	revocationPrefix = "revocation/"
	imagePrefix      = "image/"
)

// mark is the value of a key whose presence is all that it says.
var mark = []byte{1}

// open and closed are the values under RequestKey.
var (
	openMark   = []byte{1}
	closedMark = []byte{2}
)

func key(table byte, parts ...[]byte) []byte {
	k := make([]byte, 1, 80)
	k[0] = table
	for _, p := range parts {
		k = append(k, p...)
	}
	return k
}

func be(n uint64) []byte {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	return b[:]
}

// after returns the least key above every key with this prefix.
func after(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

// MetaKey is the key of the ledger's own figures.
func MetaKey() []byte { return []byte{tabMeta} }

func beforeKey() []byte { return []byte{tabBefore} }

// AccountKey is the key of an account's balance.
func AccountKey(k assay.Key) []byte { return key(tabAccount, k[:]) }

// OfferKey is the key of a provider's offer, stake and scores.
func OfferKey(provider assay.Key) []byte { return key(tabProvider, provider[:]) }

// OwnedKey is the key that lists a provider under its owner.
func OwnedKey(owner, provider assay.Key) []byte { return key(tabOwned, owner[:], provider[:]) }

// CaseKey is the key of a job's case: the canonical bytes of a board.Case whose
// draws have keys of their own. A draw is most of a case's bytes, is written
// once and never changes, whereas the rest is written in every block that
// touches the case. Ledger.Case puts the two together.
func CaseKey(job assay.JobID) []byte { return key(tabCase, job[:]) }

// RecordKey is the key of the record of a settled job: the 32 bytes of
// assay.Record.Digest, and nothing else, for ever.
func RecordKey(job assay.JobID) []byte { return append([]byte(recordPrefix), job[:]...) }

// RevocationKey is the key of a revocation: the 32 bytes of
// board.Revocation.Digest. Where it is absent, nothing was revoked.
func RevocationKey(job assay.JobID) []byte { return append([]byte(revocationPrefix), job[:]...) }

// ImageKey is the key of a program's image under a machine version, for ever.
func ImageKey(version string, program assay.Digest) []byte {
	return append([]byte(imagePrefix+version+"/"), program[:]...)
}

// SeatKey is the key that lists an open job under a provider that holds a seat.
func SeatKey(provider assay.Key, job assay.JobID) []byte { return key(tabSeat, provider[:], job[:]) }

// RequestKey is the key that lists a job under its requester, for ever.
func RequestKey(requester assay.Key, job assay.JobID) []byte {
	return key(tabRequested, requester[:], job[:])
}

// WorkKey is the key of a computation that was settled as accepted: the id of
// the first job that did.
func WorkKey(work assay.Digest) []byte { return key(tabWork, work[:]) }

// Deadlines sort by value, then by id: clock values and times are never
// negative, so big-endian order is theirs.
func clockKey(c assay.Clock, job assay.JobID) []byte { return key(tabClockDue, be(uint64(c)), job[:]) }

func timeKey(t assay.Time, job assay.JobID) []byte { return key(tabTimeDue, be(uint64(t)), job[:]) }
func drawKey(job assay.JobID, n int) []byte        { return key(tabDraw, job[:], be(uint64(n))) }
func waitingKey(job assay.JobID) []byte            { return key(tabWaiting, job[:]) }
func gameKey(job assay.JobID, n int) []byte        { return key(tabGame, job[:], be(uint64(n))) }
func appealKey(job assay.JobID, n uint16) []byte   { return key(tabAppeal, job[:], be(uint64(n))) }
func appealedKey(job assay.JobID) []byte           { return key(tabAppealed, job[:]) }
func heldKey(job assay.JobID) []byte               { return key(tabHeld, job[:]) }
func programKey(program assay.Digest) []byte       { return key(tabProgram, program[:]) }
func defendKey(provider assay.Key, job assay.JobID) []byte {
	return key(tabDefend, provider[:], job[:])
}

func claimantKey(author assay.Key, job assay.JobID) []byte {
	return key(tabClaimant, author[:], job[:])
}

func chunkKey(program assay.Digest, n uint32) []byte { return key(tabChunk, program[:], be(uint64(n))) }

func awaitKey(program assay.Digest, job assay.JobID) []byte {
	return key(tabAwait, program[:], job[:])
}

func lowerKey(height uint64, program assay.Digest) []byte {
	return key(tabLower, be(height), program[:])
}

// witnessKey is the key of a witness. The disputes of a case count from 0, those
// of its appeals from appealDispute.
func witnessKey(job assay.JobID, dispute, n int) []byte {
	return key(tabWitness, job[:], be(uint64(dispute)), be(uint64(n)))
}

const appealDispute = 1 << 16

func windowKey(height uint64) []byte { return key(tabWindow, be(height)) }
func slotKey(slot uint64) []byte     { return key(tabSlot, be(slot)) }

// ContributionKey is the key of a contribution to a phase of a ceremony: 0, then 1.
func ContributionKey(id assay.Digest, phase int, number uint32) []byte {
	return key(tabShare, id[:], []byte{byte(phase)}, be(uint64(number)))
}

// CeremonyKey is the key of a ceremony.
func CeremonyKey(id assay.Digest) []byte { return key(tabCeremony, id[:]) }

// KeyKey is the key of a verifying key of the registry.
func KeyKey(digest assay.Digest) []byte { return key(tabKey, digest[:]) }

// SpentKey is the key of a statement that is paid for once: the id of the job
// that it belongs to.
func SpentKey(statement assay.Digest) []byte { return key(tabSpent, statement[:]) }

func partKey(job assay.JobID, piece int, number uint16) []byte {
	return key(tabPart, job[:], be(uint64(piece)), be(uint64(number)))
}
