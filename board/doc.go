// Package board owns the case of a job: its executions, their draws, the three
// messages commit, tag and open, all clocks, the closing with its verdict, and
// the settlement. It holds the one table from policy names to checks; checks
// read the board, and it alone writes.
//
// It refuses messages that are late, early, foreign or repeated, with a code,
// and leaves the case as it was. It moves no money: it says in the record what
// the ledger has to move. It reads no clock, no store and no blob, and draws
// only with a beacon from a later block than the one that asked.
//
// The ledger drives a case in this order within a block: Expire, Beacon, the
// messages, Advance. Advance changes nothing that a second call would change
// again, and a block in which nothing is due changes nothing at all; so a case
// ends with the same bytes however often it is looked at.
//
// Every case ends: seats are at most Plan.MaxSeats, draws that find nobody at
// most maxVacant, each phase has a clock, and all waiting for checks together
// at most maxWaiting.
package board
