// Package board owns the case of a job: its executions, their draws, the three
// messages commit, tag and open, all clocks, its disputes, the closing with its
// verdict, and the settlement; and the appeals against a settled result. It holds
// the one table from policy names to checks and the one from runtimes to their
// referees; checks read the board, and it alone writes.
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
// # Phases and clocks
//
//	Drawing      until a beacon; under a window, also for whether to watch, after the tags
//	Committing   fetch + fuel limit / FuelRate + Slack, for each seat from its draw
//	Tagging      TagClock
//	Opening      OpenClock; under a referee, who is silent after another tag
//	             differed, or while watched, is proved wrong
//	Waiting      for a check: its window, or AvailableClock from the first opening
//	             for validators to attest program and inputs
//	Programming  ChallengeSlack + 16 MiB / FetchRate, and MoveSlack from each chunk,
//	             until all of the program is posted; then without a clock until it
//	             is lowered
//	Disputing    the clocks of package dispute; all together at most Rules.Total
//	Fetching     AvailableClock
//	Answering    AvailableClock from the beacon that names the leaves
//
// A dispute begins when nothing is awaited and open seats stand behind different
// results; or in Waiting, with a claim or an announcement, where the policy has a
// window. While it runs nothing is drawn. An appeal has the last two kinds of
// waiting and no other.
//
// Every case ends: seats are at most Plan.MaxSeats, draws that find nobody at
// most maxVacant, each phase has a clock, disputes have a hard total and are
// fewer than seats, and all waiting for checks between two of them at most
// maxWaiting and a commit clock.
package board
