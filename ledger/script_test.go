package ledger_test

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/ledger"
)

// TestScripts runs the protocol scripts in testdata. Each block is a list of
// lines "signer message key=value …"; messages of one transaction are joined by
// ";". Every script runs twice: as it is, and with a new ledger over the same
// store for each block, which must print the same and leave the same state.
func TestScripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) { runScript(t, path) })
	}
}

func runScript(t *testing.T, path string) {
	var hashes []assay.Digest
	for _, restart := range []bool{false, true} {
		s := &script{restart: restart}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string { return s.run(t, d) })
		hashes = append(hashes, s.w.store.Hash())
		if got := replay(t, s.w); got != s.w.store.Hash() {
			t.Errorf("replay from genesis ends at %s, the run at %s", got.Short(), s.w.store.Hash().Short())
		}
	}
	if hashes[0] != hashes[1] {
		t.Errorf("restarting at every block ends at %s, running through at %s", hashes[1].Short(), hashes[0].Short())
	}
}

// replay applies a world's blocks to a fresh store and returns its hash.
func replay(t *testing.T, w *world) assay.Digest {
	t.Helper()
	s := ledger.NewMemStore()
	if err := ledger.Init(s, w.genesis); err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(s, w.genesis, w.options)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range w.blocks {
		if _, err := l.Apply(b); err != nil {
			t.Fatal(err)
		}
	}
	return s.Hash()
}

type script struct {
	w       *world
	restart bool
	toy     bool // jobs have a program and a referee
}

func (s *script) run(t *testing.T, d *datadriven.TestData) string {
	switch d.Cmd {
	case "genesis":
		return s.genesis(t, d)
	case "block":
		return s.block(t, d)
	case "balances":
		return s.balances()
	case "explain":
		return s.explain(d.CmdArgs[0].Key)
	case "case":
		if c, ok := s.w.ledger.Case(jobID(s.w, d.CmdArgs[0].Key)); ok && c.Settled() {
			s.replays(t, c)
		}
		return s.caseOf(d.CmdArgs[0].Key)
	case "fight":
		return s.fight(t, d)
	case "appeals":
		return s.appeals(t, d.CmdArgs[0].Key)
	case "provider":
		name := d.CmdArgs[0].Key
		if n, ok := strings.CutPrefix(name, "seat"); ok {
			c, _ := s.w.ledger.Case(jobID(s.w, d.CmdArgs[1].Key))
			name = s.w.name(c.Seats[atoi(t, n)].Provider)
		}
		return s.provider(name)
	case "owes":
		var dt int64
		d.ScanArgs(t, "dt", &dt)
		o := s.w.ledger.Owes(s.w.now.Add(assay.Millis(dt)))
		return fmt.Sprintf("beacon=%t due=%t clock=%t\n", o.Beacon, o.Due, o.Clock)
	}
	t.Fatalf("%s: unknown directive %s", d.Pos, d.Cmd)
	return ""
}

func (s *script) genesis(t *testing.T, d *datadriven.TestData) string {
	p := testParams()
	validators, toy := 1, theToy
	var rich []string
	for _, a := range d.CmdArgs {
		number := func() uint64 {
			n, err := strconv.ParseUint(a.Vals[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		switch a.Key {
		case "validators":
			validators = int(number())
		case "accounts":
			rich = a.Vals
		case "liability":
			p.Liability = assay.Millis(number())
		case "faucet":
			p.FaucetLimit = assay.Amount(number())
		case "maxdue":
			p.MaxDue = uint32(number())
		case "blockgas":
			p.BlockGas = number()
		case "txbytes":
			p.MaxTxBytes = number()
		case "watch":
			p.WatchShare = assay.PPM(number())
		case "referee":
			s.toy = true
		case "epochs":
			toy.Span = epochSpan
		}
	}
	withReferee(t, nil)
	if s.toy {
		withReferee(t, toy)
	}
	s.w = newWorld(t, p, validators, rich...)
	s.w.restart = s.restart
	return ""
}

// block applies the transactions in its input and prints what became of them.
func (s *script) block(t *testing.T, d *datadriven.TestData) string {
	dt := int64(1000)
	d.MaybeScanArgs(t, "dt", &dt)
	var lines []string
	var txs [][]byte
	for line := range strings.Lines(d.Input) {
		line = strings.TrimSpace(line)
		for _, tx := range s.txs(t, line) {
			lines, txs = append(lines, line), append(txs, tx)
		}
	}
	out, err := s.w.try(t, assay.Millis(dt), txs...)
	if err != nil {
		return err.Error() + "\n"
	}
	var b strings.Builder
	m := s.w.ledger.Moment()
	fmt.Fprintf(&b, "height %d time +%d clock %d\n", m.Height, m.Time-genesisTime, m.Clock)
	for i, r := range out.Results {
		what := strings.Fields(lines[i])
		fmt.Fprintf(&b, "%s %s: %s fee %s\n", what[0], what[1], cmp.Or(string(r.Code), "ok"), r.Fee)
	}
	for _, e := range out.Events {
		fmt.Fprintf(&b, "  %s\n", s.event(e))
	}
	return b.String()
}

func (s *script) event(e ledger.Event) string {
	parts := []string{string(e.Kind)}
	if n, ok := s.w.jobNames[e.Job]; ok {
		parts = append(parts, n)
	}
	if !e.Account.IsZero() {
		parts = append(parts, s.w.name(e.Account))
	}
	if e.Phase != 0 {
		parts = append(parts, e.Phase.String())
	}
	if e.Text != "" {
		parts = append(parts, e.Text)
	}
	return strings.Join(parts, " ")
}

// txs reads one line. "all commit job=j" makes one transaction for each seat
// that can send it.
func (s *script) txs(t *testing.T, line string) [][]byte {
	signer, rest, _ := strings.Cut(line, " ")
	if signer == "raw" {
		return [][]byte{[]byte(rest)}
	}
	if signer == "all" {
		kind, args := fields(rest)
		c, _ := s.w.ledger.Case(jobID(s.w, args["job"]))
		var list [][]byte
		for i := range c.Seats {
			if m := s.seatMessage(kind, c, &c.Seats[i], args); m != nil && ready(kind, c.Seats[i].State) {
				list = append(list, s.w.tx(s.w.name(c.Seats[i].Provider), m))
			}
		}
		return list
	}
	if n, ok := strings.CutPrefix(signer, "seat"); ok { // whoever was drawn there
		_, args := fields(rest)
		c, _ := s.w.ledger.Case(jobID(s.w, args["job"]))
		signer = s.w.name(c.Seats[atoi(t, n)].Provider)
	}
	expiry, nonce, count := s.w.height+50, uint64(0), 1
	var messages []assay.Message
	for part := range strings.SplitSeq(rest, ";") {
		kind, args := fields(part)
		if v, ok := args["expiry"]; ok {
			expiry = s.w.height + 1 + uint64(atoi(t, v))
		}
		if v, ok := args["height"]; ok {
			expiry = uint64(atoi(t, v))
		}
		if v, ok := args["nonce"]; ok {
			nonce = 1<<40 + uint64(atoi(t, v))
		}
		if v, ok := args["times"]; ok {
			count = int(atoi(t, v))
		}
		messages = append(messages, s.message(t, signer, kind, args))
	}
	var list [][]byte
	for range count {
		s.w.nonce++
		list = append(list, s.w.txAt(signer, cmp.Or(nonce, s.w.nonce), expiry, messages...))
	}
	return list
}

func ready(kind string, st assay.ExecutionState) bool {
	return kind == "commit" && st == assay.Assigned || kind == "tag" && st == assay.Committed || kind == "open" && st == assay.Tagged
}

func fields(part string) (string, map[string]string) {
	words := strings.Fields(part)
	args := map[string]string{}
	for _, w := range words[1:] {
		k, v, _ := strings.Cut(w, "=")
		args[k] = v
	}
	return words[0], args
}

func atoi(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (s *script) message(t *testing.T, signer, kind string, args map[string]string) assay.Message {
	amount := func(name, fallback string) assay.Amount { return assay.Amount(atoi(t, cmp.Or(args[name], fallback))) }
	party := func(name string) assay.Key {
		if args[name] == "none" {
			return assay.Key{}
		}
		return s.w.key(cmp.Or(args[name], signer))
	}
	switch kind {
	case "transfer":
		return &assay.Transfer{To: party("to"), Amount: amount("amount", "0")}
	case "faucet":
		return &assay.Faucet{To: party("to"), Amount: amount("amount", "0")}
	case "offer":
		o := assay.Offer{Provider: party("provider"), Owner: party("owner"), Price: amount("price", "100"), Runtimes: []string{cmp.Or(args["runtime"], assay.RuntimeWasm)}, Capacity: uint32(amount("capacity", "2"))}
		if v, ok := args["until"]; ok {
			o.Expiry = s.w.now.Add(assay.Millis(atoi(t, v)))
		}
		m := &assay.PostOffer{Offer: o}
		if o.Owner != o.Provider && args["consent"] != "no" {
			m.Consent = assay.Consent(s.w.ledger.Network(), o.Owner, s.w.private(args["provider"]))
		}
		return m
	case "withdraw":
		return &assay.Withdraw{Provider: party("provider")}
	case "stake":
		return &assay.Stake{Provider: party("provider"), Amount: amount("amount", "0")}
	case "unstake":
		return &assay.Unstake{Provider: party("provider"), Amount: amount("amount", "0")}
	case "submit":
		return s.submit(t, signer, args)
	case "tick":
		return &assay.Tick{}
	}
	if m := s.proofMessage(t, signer, kind, args); m != nil {
		return m
	}
	id := assay.JobID{9}
	if _, ok := s.w.jobs[args["job"]]; ok {
		id = jobID(s.w, args["job"])
	}
	switch kind {
	case "attest":
		r := result(cmp.Or(args["as"], "right"))
		return &assay.Attest{Job: id, Output: r.Output}
	case "answer":
		return &assay.Answer{Job: id}
	case "inputs":
		j := s.w.jobs[args["job"]]
		return &assay.Attest{Job: id, Output: j.InputsDigest()}
	case "evidence":
		return assay.EvidenceParts(id, args["check"], []byte{1}, 0)[0]
	}
	c, ok := s.w.ledger.Case(id)
	if !ok {
		c = &board.Case{ID: id}
	}
	if m := s.disputeMessage(t, c, kind, args); m != nil {
		return m
	}
	seat := board.Seat{Provider: party("seat")}
	for _, x := range c.Seats {
		if x.Provider == seat.Provider {
			seat = x
		}
	}
	if m := s.seatMessage(kind, c, &seat, args); m != nil {
		return m
	}
	if m := s.epochMessage(t, kind, c, &seat, args); m != nil {
		return m
	}
	t.Fatalf("no message %q", kind)
	return nil
}

// disputeMessage is a claim over a trace, an announcement, or a part of the
// program; "bad=1" spoils its bytes.
func (s *script) disputeMessage(t *testing.T, c *board.Case, kind string, args map[string]string) assay.Message {
	switch kind {
	case "claim":
		return s.w.claim(c, cmp.Or(args["trace"], "right"))
	case "announce":
		return &assay.PostClaim{Job: c.ID}
	case "program":
		m := *board.CutProgram(c.ID, program)[atoi(t, cmp.Or(args["chunk"], "0"))]
		if args["bad"] != "" {
			m.Bytes = append([]byte{1}, m.Bytes[1:]...)
		}
		return &m
	}
	return nil
}

func (s *script) seatMessage(kind string, c *board.Case, seat *board.Seat, args map[string]string) assay.Message {
	as := cmp.Or(args["as"], "right")
	switch kind {
	case "commit":
		return s.w.commit(c, seat, as)
	case "tag":
		return s.w.tag(c, seat, as)
	case "open":
		return s.w.openSeat(c, seat, as)
	}
	return nil
}

func (s *script) submit(t *testing.T, signer string, args map[string]string) assay.Message {
	if same, ok := args["same"]; ok { // the same work under another nonce
		j := s.w.jobs[same]
		j.Nonce++
		s.w.remember(args["job"], j)
		return &assay.Submit{Job: j}
	}
	if j, ok := s.w.jobs[args["job"]]; ok {
		return &assay.Submit{Job: j}
	}
	m := s.w.job(args["job"], cmp.Or(args["requester"], signer), policyNamed(args["policy"]), assay.Amount(atoi(t, cmp.Or(args["price"], "150"))), assay.Millis(atoi(t, cmp.Or(args["deadline"], "600000"))))
	m.Keys = keysOf(args)
	if s.toy {
		m.Job.Program, m.Bytes = programDigest(), uint64(len(program))
		s.w.remember(args["job"], m.Job)
	}
	return m
}

// balances prints every named account that has something, and the books.
func (s *script) balances() string {
	var b strings.Builder
	var names []string
	for _, n := range s.w.names {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		if a := s.w.ledger.Account(s.w.key(n)); a.Balance > 0 {
			fmt.Fprintf(&b, "%s %s\n", n, a.Balance)
		}
	}
	m := s.w.ledger.Meta()
	fmt.Fprintf(&b, "supply %s = balances %s + stakes %s + escrows %s + bonds %s + pool %s; minted %s burned %s\n", m.Supply(), m.Balances, m.Stakes, m.Escrows, m.Bonds, m.Pool, m.Minted, m.Burned)
	return b.String()
}

func (s *script) explain(name string) string {
	var b strings.Builder
	for _, x := range s.w.ledger.Explain(s.w.key(name)) {
		fmt.Fprintf(&b, "%s %s", x.Reason, x.Amount)
		if n, ok := s.w.jobNames[x.Job]; ok {
			fmt.Fprintf(&b, " job %s", n)
		}
		if x.Clock != 0 {
			fmt.Fprintf(&b, " clock %d", x.Clock)
		}
		if x.Until != 0 {
			fmt.Fprintf(&b, " until +%d", x.Until-genesisTime)
		}
		b.WriteString("\n")
	}
	return cmp.Or(b.String(), "nothing is locked\n")
}

func (s *script) caseOf(name string) string {
	c, ok := s.w.ledger.Case(jobID(s.w, name))
	if !ok {
		return "none\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s escrow %s repeat %t\n", c.Phase, c.Escrow, c.Repeat)
	for _, x := range c.Seats {
		fmt.Fprintf(&b, "seat %d %s %s price %s stake %s bond %s\n", x.Number, s.w.name(x.Provider), x.State, x.Price, x.Stake, x.Bond)
	}
	for _, d := range c.Draws {
		for _, x := range d.Seats {
			skips := map[assay.Code]bool{}
			for _, try := range x.Tries {
				if try.Skip != "" && !skips[try.Skip] {
					skips[try.Skip] = true
				}
			}
			if x.Vacant {
				fmt.Fprintf(&b, "seat %d vacant: %v\n", x.Number, sortedCodes(skips))
			}
		}
	}
	for n := range c.Disputes {
		s.showDispute(&b, c, fmt.Sprintf("dispute %d", n), &c.Disputes[n])
	}
	if c.Record != nil {
		r := c.Record.Settlement
		fmt.Fprintf(&b, "%s paid %s refunded %s fees %s slashed %s burned %s, %s\n", c.Record.Verdict.Outcome, r.Paid, r.Refunded, r.Fees, r.Slashed, r.Burned, r.Availability)
		for _, f := range r.Faults {
			fmt.Fprintf(&b, "fault seat %d %s slashed %s penalty %s\n", f.Seat, f.Class, f.Slashed, f.Penalty)
		}
	}
	if c.Record != nil {
		showClaims(s.w, &b, c.Record.Settlement.Claims)
		for _, p := range c.Record.Settlement.Posters {
			fmt.Fprintf(&b, "posted by %s: %s\n", s.w.name(p.To), p.Amount)
		}
	}
	return b.String()
}

func sortedCodes(m map[assay.Code]bool) []assay.Code {
	var list []assay.Code
	for c := range m {
		list = append(list, c)
	}
	slices.Sort(list)
	return list
}

func (s *script) provider(name string) string {
	p, ok := s.w.ledger.Offer(s.w.key(name))
	if !ok {
		return "none\n"
	}
	return fmt.Sprintf("listed %t slot %d stake %s locked %s active %d quota %d of %d scores %v\n",
		p.Market.Listed, p.Market.Slot, p.Market.Stake, p.Market.Locked, p.Market.Active, p.Market.Quota, p.Market.Offer.Capacity, p.Scores)
}
