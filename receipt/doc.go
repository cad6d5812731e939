// Package receipt owns the self-contained receipt of a settled job: its file,
// how one is assembled, and how a stranger checks it without a network.
//
// A dispute is decided by proofs: steps of the canonical machine that a witness
// of some KiB lets anybody execute. The file carries the witnesses of those by
// which a claim has lost, and [Verify] executes them again.
//
// A receipt cannot say what became of it later. Inside the liability window a
// result may be revoked by a late fraud proof; [Report.CheckRevocations] reads
// what a node shows about that at a later header: the revocation with the
// dispute that led to it, or that the state has none.
//
// [Verify] starts from the verifier's own [Anchor], the network's genesis, and
// recomputes: the job's identity, the randomness and the draw of the
// providers, what each of them committed, tagged and opened, the findings, the
// verdict and the settlement to the coin, the record's place under a state
// root, and the signatures of more than two thirds of the validators on the
// header that carries this root. Nothing is believed because the file says it.
//
// The file holds only bytes that a hash or a signature covers, each in one
// spelling, so that a changed receipt is a refused one. Everything that follows
// from other bytes (the JSON statement, the header's chain and validator hash,
// the addresses of voters) is left out and derived. There is one exception:
// anyone may replace the assembler's key together with its signature. They
// carry no trust and change no answer; reports call the assembler
// unauthenticated.
//
// It refuses the ledger: no store, no state, no node. It speaks CometBFT's and
// IAVL's hash formats itself (chain.go, path.go; some 200 lines, compared with
// both libraries in tests), because their packages bring 400 others into a
// verifier that also runs in a browser.
//
// LIMITATIONS. A receipt does not prove
//   - that validators are honest: whoever holds more than two thirds of their
//     power can sign two histories, and with one validator time, order, beacon
//     and availability are its operator's word;
//   - that accounts are people: n owner accounts may be one owner;
//   - that the program does what its name says, only that these bytes, run on
//     these inputs under docs/WASM.md, give this result;
//   - that the sums moved afterwards: it shows the settlement that was ordered;
//   - what lies outside the case: that the market's root was the state's, that
//     an offer which a draw passed over for a reason of the ledger's was in fact
//     not eligible, that requester and providers signed their transactions, that
//     validators attested, and every height and time. All of it stands on the
//     validators' signatures; TestValidatorsCannotLieAbout lists it by field;
//   - when and in which order the moves of a dispute came, hence who was silent,
//     what a lost claim had stated, and that the image of the program is the
//     program's; who has the program can execute the job again, [Report.Rerun];
//   - that the right validator made a beacon: any one of the genesis may have;
//   - that all validators' votes are inside: it keeps the first ones, in the
//     order of the set, that make more than two thirds.
package receipt
