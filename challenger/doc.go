// Package challenger owns what somebody who watches the network does next: it
// executes what others were paid for, and where its own result differs it plays
// the game of package dispute until the machine has decided. The part that
// plays, Player, is also how a provider defends its own results: it knows one
// game and one truth.
//
// Like every actor core it turns events into effects and does no I/O. It
// remembers nothing that the ledger does not hold: claims, refinements and
// clocks are read from the game, roots and witnesses are computed again. So it
// may die at any move, and the next process goes on.
//
// Native execution comes first. The machine runs, and a trace is kept, only when
// results differ: that is rare, and costs a watcher who is right nothing in the
// end.
//
// It refuses to claim what the machine does not say, whatever the native
// execution said: a bug of an engine must not cost a bond.
package challenger
