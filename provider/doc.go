// Package provider owns what a provider decides to do next, and what a
// validator does about output bytes: two cores that turn events into effects.
// They open no file, read no clock and start no goroutine; package node carries
// the effects out, package sim pretends to.
//
// Both reconcile from state, never from events alone: each Step looks at the
// case as the ledger holds it and does what is missing there. So a lost
// acknowledgement costs nothing, a message that did not land is sent again, and
// one that did is not.
//
// A core may die at any moment. It remembers nothing that the ledger and the
// node's store do not hold: salts derive from the provider's secret, results
// are loaded or computed again. What it does keep between steps (what runs,
// what was sent when) only saves work.
//
// A result that is disputed it defends, by the moves of package challenger; an
// open seat and a settled one that is still liable are the same to it.
//
// It refuses to send an opening or a tag that would contradict its own
// commitment: losing a bond is better than losing stake. And it refuses to defend
// what its own machine does not say: losing stake is better than losing both.
package provider
