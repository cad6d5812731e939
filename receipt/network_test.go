package receipt

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"testing"

	"github.com/cosmos/iavl"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/beacon"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// A testNetwork settles one job by the real rules and signs for it with real
// keys: the board, beacons, an IAVL tree, CometBFT's header and votes. Only the
// node that would carry the messages is missing.
type testNetwork struct {
	g          *assay.Genesis
	consensus  map[assay.Key]ed25519.PrivateKey
	providers  []ed25519.PrivateKey
	behaviours []behaviour
	at         assay.Moment
	silent     bool // validators attest nothing about outputs
	watched    bool // a stranger challenges what is wrong
	others     int  // other keys in the state
}

// behaviour is what a provider does with its assignments.
type behaviour uint8

const (
	honest        behaviour = iota
	lying                   // its own wrong result
	late                    // never commits
	untagged                // commits and falls silent
	unopened                // tags and falls silent
	contradicting           // opens another result than it committed to
	colluding               // a wrong result, the same as its friends'
)

func newNetwork(kind assay.NetworkKind, validators int, behaviours ...behaviour) *testNetwork {
	powers := make([]uint64, validators)
	for i := range powers {
		powers[i] = 10
	}
	g, keys := chainGenesis(powers...)
	g.Name, g.Kind, g.Time = "receipts", kind, 1_760_000_000_000
	n := &testNetwork{g: g, consensus: keys, behaviours: behaviours, others: 300, at: assay.Moment{Height: 4, Time: g.Time + 9_000, Clock: 9_000}}
	for i := range behaviours {
		n.providers = append(n.providers, testKey(fmt.Sprint("provider", i)))
	}
	return n
}

// Root, Find and Eligible make the network the board's market.
func (n *testNetwork) Root() merkle.SumNode { return merkle.SumRoot(n.leaves()) }

func (n *testNetwork) Find(number uint64) (assay.Listing, []merkle.SumStep) {
	i, path := merkle.SumFind(n.leaves(), number)
	return n.listings()[i], path
}

func (n *testNetwork) Eligible(assay.Listing, board.Need) assay.Code { return "" }

func (n *testNetwork) listings() []assay.Listing {
	var list []assay.Listing
	for i, p := range n.providers {
		list = append(list, assay.Listing{
			Owner: assay.KeyOf(testKey(fmt.Sprint("owner", i))), Provider: assay.KeyOf(p),
			Price: assay.Amount(200 + i%150), Runtimes: []string{assay.RuntimeWasm}, Free: assay.Amount(1_000_000 * (i + 1)),
		})
	}
	return list
}

func (n *testNetwork) leaves() []merkle.SumNode {
	var nodes []merkle.SumNode
	for _, l := range n.listings() {
		nodes = append(nodes, board.Leaf(l))
	}
	return nodes
}

// block makes one block that the case c sees.
func (n *testNetwork) block(c *board.Case, step assay.Millis, messages func()) {
	n.at.Height++
	n.at.Time, n.at.Clock = n.at.Time.Add(step), n.at.Clock.Add(step)
	p := &n.g.Params
	c.Expire(p, n.at)
	if c.NeedsBeacon() {
		c.Beacon(p, n.at, beacon.Prove(testKey("beacon0"), n.g.ID(), n.at.Height), n)
	}
	messages()
	c.Advance(p, n.g, n.at)
}

// settle carries a job from its submission to its record.
func (n *testNetwork) settle(tb testing.TB, job assay.Job) *board.Case {
	tb.Helper()
	c, err := board.Open(&n.g.Params, n.g.ID(), &assay.Submit{Job: job, Bytes: 5_000}, n.at, false)
	if err != nil {
		tb.Fatal(err)
	}
	n.block(c, 100, func() {})
	for range 200 {
		if c.Settled() {
			return c
		}
		step := assay.Millis(100)
		if due, ok := c.Deadline(); ok && due > n.at.Clock {
			step = min(assay.Millis(due-n.at.Clock), assay.MaxClockStep)
		}
		n.block(c, min(step, 1_000), func() { n.act(tb, c) })
	}
	tb.Fatalf("the case did not end; phase %d", c.Phase)
	return nil
}

// act sends what every party sends in the case's present phase.
func (n *testNetwork) act(tb testing.TB, c *board.Case) {
	tb.Helper()
	must := func(err error) {
		if err != nil {
			tb.Fatal(err)
		}
	}
	p := &n.g.Params
	if c.WantsInputs(p) && len(c.Inputs) == 0 {
		for _, v := range n.g.Validators {
			must(c.Attest(p, n.g, n.at, v.Account, &assay.Attest{Job: c.ID, Output: c.Job.InputsDigest()}))
		}
	}
	n.dispute(tb, c)
	for i := range c.Seats {
		s := &c.Seats[i]
		who := n.indexOf(s.Provider)
		how := n.behaviours[who]
		result := resultOf(&c.Job, how, who)
		digest, salt := result.Digest(), assay.SaltOf(n.providers[who].Seed(), c.ID, s.Number)
		switch {
		case c.Phase == board.Committing && s.State == assay.Assigned && how != late:
			commit := assay.CommitTo(c.Network, c.ID, s.Number, s.Role, s.Provider, salt, digest)
			must(c.Commit(p, n.at, s.Provider, &assay.Commit{Job: c.ID, Seat: s.Number, Commit: commit}))
		case c.Phase == board.Tagging && s.State == assay.Committed && how != untagged:
			must(c.Tag(p, n.at, s.Provider, &assay.Tag{Job: c.ID, Seat: s.Number, Tag: assay.TagOf(c.ID, digest)}))
		case c.Phase == board.Opening && s.State == assay.Tagged && how != unopened:
			if how == contradicting {
				result.Fuel++
			}
			must(c.Open(p, n.at, s.Provider, &assay.Open{Job: c.ID, Seat: s.Number, Salt: salt, Result: result}))
		}
	}
	if c.Phase == board.Fetching && !n.silent {
		for _, v := range n.g.Validators {
			must(c.Attest(p, n.g, n.at, v.Account, &assay.Attest{Job: c.ID, Output: c.Verdict.Result.Output}))
		}
	}
}

// The artifacts of the test job.
var (
	testProgram = bytes.Repeat([]byte("a module "), 500)
	testStdin   = []byte("one line of input\n")
	testInput   = fileEntries(map[string]string{"book.txt": "a book", "notes.txt": "some notes"})
	testOut     = fileEntries(map[string]string{"counts.csv": "the,2\n", "empty": ""})
	testOutput  = outputEntries("the result\n")
)

func fileEntries(files map[string]string) []merkle.Entry {
	var list []merkle.Entry
	for name, text := range files {
		list = append(list, merkle.Entry{Name: name, Kind: merkle.File, Digest: merkle.FileOf([]byte(text)), Size: uint64(len(text))})
	}
	merkle.SortEntries(list)
	return list
}

func outputEntries(stdout string) []merkle.Entry {
	list := fileEntries(map[string]string{"stdout": stdout, "stderr": ""})
	list = append(list, merkle.Entry{Name: "out", Kind: merkle.Folder, Digest: merkle.FolderDigest(testOut), Size: merkle.FolderSize(testOut)})
	merkle.SortEntries(list)
	return list
}

// testSource holds these artifacts.
type testSource struct{}

func (testSource) File(d assay.Digest) (Content, error) {
	for _, b := range [][]byte{testProgram, testStdin} {
		if merkle.FileOf(b) == d {
			return ContentOf(b), nil
		}
	}
	return Content{}, fmt.Errorf("no file %s", d.Short())
}

func (testSource) Folder(d assay.Digest) ([]merkle.Entry, error) {
	lists := [][]merkle.Entry{testInput, testOut, testOutput}
	for who := range 9 {
		lists = append(lists, outputEntries(lieOf(who)))
	}
	for _, list := range lists {
		if merkle.FolderDigest(list) == d {
			return list, nil
		}
	}
	return nil, fmt.Errorf("no folder %s", d.Short())
}

// resultOf is what a provider computes: liars agree with nobody.
func resultOf(_ *assay.Job, how behaviour, who int) assay.Result {
	r := assay.Result{Status: assay.Exited, Fuel: 1_210_000, Output: merkle.FolderDigest(testOutput), State: canon.Hash("test/state")}
	switch how {
	case lying:
		r.Output = merkle.FolderDigest(outputEntries(lieOf(who)))
	case colluding:
		r.Output = merkle.FolderDigest(outputEntries(lieOf(0)))
	}
	return r
}

func lieOf(who int) string { return fmt.Sprint("the lie of ", who) }

func (n *testNetwork) job(policy string) assay.Job {
	return assay.Job{
		Version: 1, Runtime: assay.RuntimeWasm, Program: merkle.FileOf(testProgram), Args: []string{"wordfreq", "--top", "10"},
		Env: []string{"LANG=C", "MODE=<fast> & \u2028 \"é\""}, Stdin: merkle.FileOf(testStdin), Input: merkle.FolderDigest(testInput),
		Seed: 1<<63 + 1, Start: n.g.Time, Limits: assay.DefaultLimits(), Policy: policy, MaxPrice: 400,
		Deadline: n.at.Time.Add(3_600_000), Requester: assay.KeyOf(testKey("requester")), Nonce: 7,
	}
}

// assemble writes the receipt of a settled case as a node would. The state
// holds other keys, so that the path has a realistic length.
func (n *testNetwork) assemble(tb testing.TB, c *board.Case) *File {
	tb.Helper()
	f, err := Assemble(n.parts(tb, c), testKey("assembler"))
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func (n *testNetwork) parts(tb testing.TB, c *board.Case) Parts {
	tb.Helper()
	artifacts, err := Collect(&c.Job, c.Record, testSource{})
	if err != nil {
		tb.Fatal(err)
	}
	return Parts{Case: c, Artifacts: artifacts, Inclusion: n.include(tb, c.Record)}
}

// include puts a record into a state and signs the header above it. It is also
// what validators without scruples could do, see TestValidatorsCannotLieAbout.
func (n *testNetwork) include(tb testing.TB, r *assay.Record) *Inclusion {
	tb.Helper()
	return n.includeAs(tb, r, n.g.ChainID())
}

func (n *testNetwork) includeAs(tb testing.TB, r *assay.Record, chain string) *Inclusion {
	tb.Helper()
	digest := r.Digest()
	tree := n.state(tb, RecordKey(r.Job), digest)
	root, proof := iavlProof(tb, tree, RecordKey(r.Job))
	h := cometHeader(n.g, int64(r.Height)+1, root)
	h.ChainID = chain
	return inclusionOf(pathOf(tb, proof), h, cometSet(n.g), cometCommit(n.g, h, n.consensus, 0))
}

// state is one that holds other keys and this one.
func (n *testNetwork) state(tb testing.TB, key []byte, value assay.Digest) *iavl.MutableTree {
	tb.Helper()
	tree := newTree()
	for i := range n.others {
		if _, err := tree.Set(canon.Marshal(fmt.Sprint("other ", i)), []byte("value")); err != nil {
			tb.Fatal(err)
		}
	}
	if _, err := tree.Set(key, value[:]); err != nil {
		tb.Fatal(err)
	}
	if _, _, err := tree.SaveVersion(); err != nil {
		tb.Fatal(err)
	}
	return tree
}

func (n *testNetwork) anchor(tb testing.TB) *Anchor {
	tb.Helper()
	a, err := NewAnchor(n.g)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}
