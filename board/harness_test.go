package board

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// harness drives one case as a ledger would: Expire, Beacon, messages, Advance.
type harness struct {
	g      assay.Genesis
	market market
	at     assay.Moment
	c      *Case
	recode bool // encode and decode the case after every step
	often  bool // look at the case at every instant, not only at wake-ups

	noImage   bool             // the program is not on record
	witnesses map[int][][]byte // of the proofs of each dispute
	parts     map[int][]byte   // of evidence, by number of the piece
	spent     bool             // the next statement is another job's
}

func key(name string, i int) assay.Key {
	return assay.Key(canon.Hash("test/"+name, []byte{byte(i)}))
}

func newHarness(providers, validators int, kind assay.NetworkKind) *harness {
	SetReferee(assay.RuntimeWasm, nil) // scripts about disputes name theirs
	h := &harness{witnesses: map[int][][]byte{}, at: assay.Moment{Height: 1, Time: 1_000_000, Clock: 1}}
	h.g = assay.Genesis{Version: 1, Name: "test", Kind: kind, Params: assay.LocalParams()}
	h.g.Params.Slack = 10_000
	for i := range validators {
		h.g.Validators = append(h.g.Validators, assay.Validator{Name: fmt.Sprint("v", i), Account: key("validator", i), Power: 10})
	}
	for i := range providers {
		h.market.listings = append(h.market.listings, assay.Listing{
			Owner: key("owner", i), Provider: key("provider", i), Price: 100, Runtimes: []string{assay.RuntimeWasm}, Free: 1_000_000,
		})
	}
	return h
}

// market is a list of listings, with the providers that the ledger would skip.
type market struct {
	listings []assay.Listing
	busy     []assay.Key
}

func (m *market) leaves() []merkle.SumNode {
	var list []merkle.SumNode
	for _, l := range m.listings {
		list = append(list, Leaf(l))
	}
	return list
}

func (m *market) Root() merkle.SumNode { return merkle.SumRoot(m.leaves()) }

func (m *market) Find(n uint64) (assay.Listing, []merkle.SumStep) {
	i, path := merkle.SumFind(m.leaves(), n)
	return m.listings[i], path
}

func (m *market) Eligible(l assay.Listing, _ Need) assay.Code {
	for _, b := range m.busy {
		if b == l.Provider {
			return "no-capacity"
		}
	}
	return ""
}

func testJob(policy string, deadline assay.Time) assay.Job {
	return assay.Job{
		Version: 1, Runtime: assay.RuntimeWasm, Program: canon.Hash("program"), Args: []string{"prog"},
		Limits: assay.DefaultLimits(), Policy: policy, MaxPrice: 120, Deadline: deadline, Requester: key("requester", 0),
	}
}

func (h *harness) submit(policy string, life assay.Millis, repeat bool) error {
	sub := &assay.Submit{Job: testJob(policy, h.at.Time.Add(life))}
	if strings.Contains(policy, "zk(") {
		sub.Keys = []assay.Digest{theKey}
	}
	c, err := Open(&h.g.Params, h.g.ID(), sub, h.at, repeat)
	if err == nil {
		h.c = c
		for _, k := range sub.Keys { // as the ledger does
			c.Keys = append(c.Keys, assay.ProofKey{Digest: k, Key: []byte("key")})
		}
		h.settle()
	}
	return err
}

// settle ends a block; the ledger fills in the market of a new request.
func (h *harness) settle() {
	h.c.Advance(&h.g.Params, &h.g, h.at)
	if h.c.NeedsImage() && !h.noImage {
		if err := h.c.SetImage(&h.g.Params, h.at, image()); err != nil {
			panic(err)
		}
		h.c.Advance(&h.g.Params, &h.g, h.at)
	}
	if h.c.Request != nil && h.c.Request.Market == (merkle.SumNode{}) {
		h.c.Request.Market = h.market.Root()
	}
	h.again()
}

// again looks a second time: it must change nothing.
func (h *harness) again() {
	if h.often {
		before := canon.Marshal(h.c)
		h.c.Expire(&h.g.Params, h.at)
		h.c.Beacon(&h.g.Params, h.at, h.beacon(), &h.market)
		h.c.Advance(&h.g.Params, &h.g, h.at)
		if !bytes.Equal(before, canon.Marshal(h.c)) {
			panic("a second look changed the case")
		}
	}
	if h.recode {
		b := canon.Marshal(h.c)
		h.c = new(Case)
		if err := canon.Unmarshal(b, h.c); err != nil {
			panic(err)
		}
	}
}

func (h *harness) beacon() assay.Beacon {
	return assay.Beacon{Value: canon.Hash("test/beacon", []byte(fmt.Sprint(h.at.Height)))}
}

// block makes a block d later and applies messages to the case.
func (h *harness) block(d assay.Millis, messages func()) {
	if h.often {
		h.instants(d)
	}
	h.at.Height++
	h.at.Time = h.at.Time.Add(d)
	h.at.Clock = h.at.Clock.Add(min(d, assay.MaxClockStep))
	h.c.Expire(&h.g.Params, h.at)
	h.c.Beacon(&h.g.Params, h.at, h.beacon(), &h.market)
	if messages != nil {
		messages()
	}
	h.settle()
}

// instants looks at the case between two blocks, where nothing is due.
func (h *harness) instants(d assay.Millis) {
	due, runs := h.c.Deadline()
	for i := assay.Millis(0); i < d && i < assay.MaxClockStep; i += 1 + d/7 {
		at := assay.Moment{Height: h.at.Height, Time: h.at.Time.Add(i), Clock: h.at.Clock.Add(i)}
		if runs && at.Clock >= due {
			return
		}
		before := canon.Marshal(h.c)
		h.c.Expire(&h.g.Params, at)
		h.c.Advance(&h.g.Params, &h.g, at)
		if !bytes.Equal(before, canon.Marshal(h.c)) {
			panic("looking at the case changed it")
		}
	}
}

// wait makes empty blocks until the next clock has acted.
func (h *harness) wait() bool {
	due, ok := h.c.Deadline()
	if h.c.NeedsBeacon() {
		h.block(1000, nil)
		return true
	}
	if !ok {
		return false
	}
	for h.at.Clock < due {
		h.block(min(assay.Millis(due-h.at.Clock), assay.MaxClockStep), nil)
	}
	return true
}

// artifact is the output of the result with a label: a file of 3,000 bytes.
func artifact(label string) []byte {
	return bytes.Repeat([]byte(label), 3000/len(label)+1)[:3000]
}

func leafHashes(b []byte) (leaves []assay.Digest, data [][]byte) {
	for i := 0; i < len(b); i += merkle.LeafSize {
		leaf := b[i:min(i+merkle.LeafSize, len(b))]
		leaves, data = append(leaves, merkle.HashLeaf(leaf)), append(data, leaf)
	}
	return leaves, data
}

func resultOf(label string) assay.Result {
	leaves, _ := leafHashes(artifact(label))
	return assay.Result{
		Status: assay.Exited, Fuel: 7, Output: merkle.FileDigest(3000, merkle.Root(leaves)), State: canon.Hash("state", []byte(label)),
	}
}

func openingOf(label string, offset uint64) merkle.Opening {
	leaves, data := leafHashes(artifact(label))
	i := offset % 3000 / merkle.LeafSize
	return merkle.Opening{FileSize: 3000, Leaf: data[i], Path: merkle.Prove(leaves, i)}
}

func (h *harness) salt(seat int) assay.Digest {
	return assay.SaltOf([]byte(fmt.Sprint("secret", seat)), h.c.ID, uint16(seat))
}

func (h *harness) provider(seat int) assay.Key {
	if seat < len(h.c.Seats) {
		return h.c.Seats[seat].Provider
	}
	return assay.Key{}
}

func (h *harness) role(seat int) assay.Role {
	if seat < len(h.c.Seats) {
		return h.c.Seats[seat].Role
	}
	return assay.RoleExecutor
}

func (h *harness) commit(seat int, label string) error {
	r := resultOf(label)
	from := h.provider(seat)
	d := assay.CommitTo(h.c.Network, h.c.ID, uint16(seat), h.role(seat), from, h.salt(seat), r.Digest())
	return h.c.Commit(&h.g.Params, h.at, from, &assay.Commit{Job: h.c.ID, Seat: uint16(seat), Commit: d})
}

func (h *harness) tag(seat int, label string) error {
	r := resultOf(label)
	return h.c.Tag(&h.g.Params, h.at, h.provider(seat), &assay.Tag{Job: h.c.ID, Seat: uint16(seat), Tag: assay.TagOf(h.c.ID, r.Digest())})
}

func (h *harness) open(seat int, label string) error {
	return h.c.Open(&h.g.Params, h.at, h.provider(seat), &assay.Open{Job: h.c.ID, Seat: uint16(seat), Salt: h.salt(seat), Result: resultOf(label)})
}

func (h *harness) attest(validator int, label string) error {
	m := &assay.Attest{Job: h.c.ID, Output: resultOf(label).Output}
	return h.c.Attest(&h.g.Params, &h.g, h.at, key("validator", validator), m)
}

func (h *harness) answer(seat int, label string) error {
	m := &assay.Answer{Job: h.c.ID}
	if h.c.Challenge != nil {
		for _, o := range h.c.Challenge.Offsets {
			m.Openings = append(m.Openings, openingOf(label, o))
		}
	}
	return h.c.Answer(&h.g.Params, h.at, h.provider(seat), m)
}

func (h *harness) evidence(check, body string) error {
	m := assay.EvidenceParts(h.c.ID, check, []byte(body), 0)[0]
	return h.c.Evidence(&h.g.Params, h.at, key("stranger", 0), m, nil)
}

// labelOf names a result.
func labelOf(d assay.Digest) string {
	for _, l := range []string{"A", "B", "C", "D", "E", "F"} {
		if r := resultOf(l); r.Digest() == d {
			return l
		}
	}
	return "?"
}

// show prints the case for a script.
func (h *harness) show() string {
	var b strings.Builder
	c := h.c
	fmt.Fprintf(&b, "%s", c.Phase)
	if due, ok := c.Deadline(); ok {
		fmt.Fprintf(&b, ", %d ms left", due-h.at.Clock)
	}
	if c.NeedsBeacon() {
		b.WriteString(", needs a beacon")
	}
	if c.NeedsImage() {
		b.WriteString(", needs the program")
	}
	b.WriteString("\n")
	for _, s := range c.Seats {
		fmt.Fprintf(&b, "seat %d %s", s.Number, s.State)
		if s.Result != nil {
			fmt.Fprintf(&b, " %s", labelOf(s.Result.Digest()))
		}
		if s.Role == assay.RoleWatcher {
			b.WriteString(" watches")
		}
		if !s.Blind {
			b.WriteString(" not-blind")
		}
		b.WriteString("\n")
	}
	for _, k := range c.Choices {
		fmt.Fprintf(&b, "choice %s: %t\n", k.Name, k.Taken)
	}
	h.showEpochs(&b)
	h.showDisputes(&b)
	if c.Verdict != nil {
		h.showVerdict(&b)
	}
	if c.Record != nil {
		showSettlement(&b, &c.Record.Settlement)
	}
	return b.String()
}

func (h *harness) showVerdict(b *strings.Builder) {
	v := h.c.Verdict
	fmt.Fprintf(b, "%s", v.Outcome)
	if v.Result != nil {
		fmt.Fprintf(b, " %s", labelOf(v.Result.Digest()))
	}
	if v.Code != "" {
		fmt.Fprintf(b, " (%s)", v.Code)
	}
	b.WriteString("\n")
	for _, f := range v.Findings {
		fmt.Fprintf(b, "  %s %s: %s\n", f.Check, f.Outcome, f.Text)
	}
	for _, a := range v.Assumptions {
		fmt.Fprintf(b, "  assumes %s\n", a.Code)
	}
}

func showSettlement(b *strings.Builder, s *assay.Settlement) {
	fmt.Fprintf(b, "escrow %d = paid %d + refunded %d + fees %d; slashed %d, burned %d, to the requester %d; %s\n",
		s.Escrow, s.Paid, s.Refunded, s.Fees, s.Slashed, s.Burned, Compensation(s), s.Availability)
	for _, p := range s.Payments {
		if p.Code == PayExecuted || p.Code == PayWatched {
			fmt.Fprintf(b, "  seat %d paid %d\n", p.Seat, p.Amount)
		}
	}
	for _, e := range s.Claims {
		fmt.Fprintf(b, "  claim %d.%d %s: bond %d, returned %d, costs %d, bounty %d\n", e.Dispute, e.Claim, e.Code, e.Bond, e.Returned, e.Costs, e.Bounty)
	}
	for _, p := range s.Posters {
		fmt.Fprintf(b, "  %s %d to seat %d\n", p.Code, p.Amount, p.Seat)
	}
	for _, f := range s.Faults {
		fmt.Fprintf(b, "  seat %d %s, slashed %d, penalty %d: %s\n", f.Seat, f.Class, f.Slashed, f.Penalty, f.Text)
	}
}
