// Package assay holds the nouns of the protocol, one per file, in the order in
// which a job meets them:
//
//	        job          assignment       execution        evidence          verdict        settlement       receipt
//	requester ─▶ market ───────────▶ provider ─▶ executor ─────────▶ quorum | … ─────────▶ market+reputation ─▶ receipt
//	             (match,escrow,stake)            wasm                     ◀── policy says which and how many
//	             └──────────────────── all transitions applied, in order, by ledger ───────────────────┘
//	                                           comet replicates ledger
//
// It owns their fields, identities, wire form and validity, and refuses
// behaviour: matching, judging, paying and storing happen in the packages that
// ARCHITECTURE.md names. Everything hashed or signed is encoded by package
// canon; JSON is only a view. There is no clock, randomness or I/O here.
package assay
