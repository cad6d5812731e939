// Package dispute owns the game that decides between different statements about
// one run of a job, as a pure value; and the check `optimistic(window)`, which
// needs it.
//
// # The game
//
// The referee of a job is a Machine that can execute a short piece of the run
// from a witness. It cannot execute the run. So whoever says what the result is
// posts a claim: the roots of the machine's states at 32 equal distances over
// the whole span, of which the last one is the root of a halted state that
// states the result. State 0 is known: it is a function of the job.
//
// Two live claims whose roots differ are rivals, and all rivals are matched at
// once. A match stands in the first part in which the two differ: they agree on
// the state before it and not on the one behind it. Both state its 31 middles,
// which leads into the first 32nd of it in which they differ, and so on down to
// a single step. At any level whoever meets a rival may prove the part instead:
// the referee executes it, and whoever stated another end loses, both if both
// did. With fewer than 32^7 steps that is a claim, six refinements and a proof,
// whatever the number of claims.
//
// An example over a span of 32² = 1,024 steps, so of 2 levels. Ann says the
// truth. Bob's machine went wrong in step 500.
//
//	Ann  claims     roots of the states 32, 64, …, 1024; result A
//	Bob  claims     equal roots up to 480, others from 512 on; result B
//	                they meet in the part of 32 steps at 480
//	Ann  refines    roots of the states 481, 482, …, 511
//	Bob  refines    equal roots up to 499, others from 500 on
//	                they meet in the single step at 499
//	Ann  proves     state 499 with what the step touches: the referee executes
//	                it and finds Ann's root of state 500. Bob has lost.
//
// Ann alone is left. After a further window, in which any stranger may still
// claim, the game is over: result A has survived, and B is refuted.
//
// # Who is bound by what
//
// A move binds only its signer, and each claim has its own bond and clocks.
// Claims with equal roots are no rivals, and they share nothing: when a saboteur
// claims the truth and falls silent, or states wrong middles under it, he loses
// his bond, and neither the result nor anybody else's claim loses with him.
// Results are judged at the end only: the survivors' result stands, the others
// are refuted. When no claim is left, no result is refuted; the silent have lost
// their bonds.
//
// A refinement serves all matches of its claim, and for some time those that come
// later; a proof decides all matches that ever stand on the same part. So a lie
// under sixteen names is fought once.
//
// # Clocks
//
// A move about a part is due MoveClock after the claim has first met a rival
// there. Who does not move by then has lost; at a single step that nobody has
// proved, both. A move at its clock is late: in a block, clocks act first, and
// each acts at its own reading, so that nothing depends on when blocks are made.
//
// First claims are due ClaimClock after the start, unless all candidates have
// theirs before. When no rivals are left, the further window opens, anew after
// every lost challenge, so that a bad challenge of one's own shields nothing. A
// game that interrupts a window of hours keeps it open, see Rules.KeptOpen: it
// costs who is right one bond, however many challenges come within it. Claims
// close after Rules.Close; what runs then ends by its clocks, by Rules.Total at
// the latest.
//
// Windows go by the steps that claims name, which a liar makes few. Whoever finds
// a result wrong and has no trace yet announces his claim: he pays the bond, and
// has the time that the longest possible run takes. And a claim of somebody else,
// true as it is, may be a saboteur's who waits for claims to close: between
// Rules.LastCall and Rules.Close, who knows the truth posts a claim of his own.
//
// # Money
//
// A bond covers every move that its claim can force upon others. Survivors get
// theirs back. What the losers' bonds hold refunds the survivors' moves, the first
// mover at each position first, see Game.Payout; a twentieth of the rest is the
// bounty, the rest is burned. Nobody gains by playing both sides.
//
// Bonds double as a game fills, see Game.Price: with live claims, of which there
// are 64 at most, with copies of one vector, with pairs of rivals. What keeps
// everybody else out is lost, but for the copies of one vector, of which there are
// few, and lasts one match.
//
// # Refuses
//
// Moves of others, for other claims, out of turn, late, of a wrong arity, about
// parts that are not disputed: each with its own code. A refused move changes
// nothing, and the clock runs on.
//
// LIMITATIONS. The last one standing has survived; it is not proved. The third
// and later author of equal moves is refunded as far as the losers' bonds go, and
// nobody is where no claim has lost. An announced claim whose vector has as many
// live copies as are admitted cannot be completed until one of them has lost. A
// claim that is attacked in sixty places has to move in all of them by one clock:
// networks must give MoveSlack for as many proofs as their blocks take.
package dispute
