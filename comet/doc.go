// Package comet orders transactions with CometBFT and applies them with
// package ledger. It is the only package that knows CometBFT or IAVL.
//
// It owns the state on disk ([Store]: an IAVL tree, one version per height),
// the ABCI application, the time message with the beacon, ticks, the node's
// life, and what a client needs: submitting until inclusion, reading committed
// state, watching, proofs.
//
// It refuses rules: who is paid, what is due and what a transaction means is
// the ledger's answer. It opens no RPC port; package api is what strangers see.
//
// # Time
//
// A block's time in CometBFT is the median of the votes of the block before:
// after an idle hour it is an hour old. The first entry of every block that is
// not empty is therefore a time message with the proposer's clock and the
// beacon of the height. Validators refuse a proposal whose time is more than
// two seconds ahead of their own clock or ten behind it, and one that carries
// the message without need or lacks it. Once a block is decided its time is no
// longer judged by a clock, since a replaying node has another one: it must
// not run backwards, and the beacon must be the proposer's.
//
// # Empty blocks
//
// CometBFT makes a further block whenever the state root changed, because the
// root of height H stands in the header of H+1. An empty block therefore
// changes nothing: no time, no beacon, no root; otherwise blocks would follow
// for ever. That further block also answers a pending draw at once.
package comet
