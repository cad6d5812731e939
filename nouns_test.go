package assay_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"math/big"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

var update = flag.Bool("update", false, "rewrite testdata/vectors.json; only together with a version byte")

func testKey(name string) ed25519.PrivateKey {
	seed := canon.Hash("assay/test-key/1", []byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func digest(b byte) assay.Digest { return assay.Digest(bytes.Repeat([]byte{b}, 32)) }

func testJob() assay.Job {
	return assay.Job{
		Version: 1, Runtime: assay.RuntimeWasm, Program: digest(1), Args: []string{"prog", "-n", "5"}, Env: []string{"A=1", "B=x=y"},
		Stdin: digest(2), Input: digest(3), Seed: 7, Index: 2, Start: 1_700_000_000_000, Limits: assay.DefaultLimits(),
		Policy: "quorum(3)", MaxPrice: 40_000, Deadline: 1_700_000_060_000, Requester: assay.KeyOf(testKey("requester")), Nonce: 9,
	}
}

func testResult() assay.Result {
	return assay.Result{Status: assay.Exited, ExitCode: 3, Fuel: 12345, Output: digest(4), State: digest(5)}
}

// vector is one value with its wire bytes and identity.
type vector struct {
	Name   string `json:"name"`
	Bytes  string `json:"bytes"`
	Digest string `json:"digest"`
}

// TestVectors fixes the wire form of the nouns. A change here is a change of
// protocol: it needs a new version byte.
func TestVectors(t *testing.T) {
	job, result := testJob(), testResult()
	network := digest(6)
	tx := assay.SignTx(network, testKey("requester"), 1, 99, &assay.Submit{Job: job, Bytes: 77}, &assay.Tick{})
	genesis := assay.Genesis{
		Version: 1, Name: "vectors", Kind: assay.Public, Time: 1_700_000_000_000, Rules: digest(7),
		Validators: []assay.Validator{{Name: "v", Consensus: assay.KeyOf(testKey("c")), Beacon: assay.KeyOf(testKey("b")), Account: assay.KeyOf(testKey("a")), Power: 1}},
		Accounts:   []assay.Allocation{{Account: assay.KeyOf(testKey("requester")), Amount: 5}},
		Params:     assay.DefaultParams(),
	}
	record := assay.Record{
		Version: 1, Network: network, Job: job.ID(), Case: digest(8), Height: 10, Time: 11,
		Verdict:    assay.Verdict{Outcome: assay.Accepted, Result: &result, Findings: []assay.Reason{{Check: "quorum(3)", Outcome: assay.Supported, Text: "t"}}},
		Settlement: assay.Settlement{Escrow: 3, Paid: 1, Refunded: 1, Fees: 1, Availability: assay.Attested},
	}
	got := []vector{
		{"job", hex.EncodeToString(canon.Marshal(&job)), job.ID().String()},
		{"work", "", job.Work().String()},
		{"result", hex.EncodeToString(canon.Marshal(&result)), result.Digest().String()},
		{"commit", "", assay.CommitTo(network, job.ID(), 1, assay.RoleExecutor, job.Requester, digest(9), result.Digest()).String()},
		{"tag", "", assay.TagOf(job.ID(), result.Digest()).String()},
		{"salt", "", assay.SaltOf([]byte("secret"), job.ID(), 1).String()},
		{"tx", hex.EncodeToString(tx.Bytes()), tx.ID().String()},
		{"genesis", hex.EncodeToString(canon.Marshal(&genesis)), genesis.ID().String()},
		{"record", hex.EncodeToString(canon.Marshal(&record)), record.Digest().String()},
	}
	if *update {
		b, _ := json.MarshalIndent(got, "", "  ")
		if err := os.WriteFile("testdata/vectors.json", append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var want []vector
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if len(want) != len(got) {
		t.Fatalf("%d vectors, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s changed on the wire:\n got %s %s\nwant %s %s", want[i].Name, got[i].Bytes, got[i].Digest, want[i].Bytes, want[i].Digest)
		}
	}
}

// TestJobRefusals alters one field at a time.
func TestJobRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*assay.Job)
		code assay.Code
	}{
		"version":          {func(j *assay.Job) { j.Version = 2 }, assay.CodeJobVersion},
		"runtime":          {func(j *assay.Job) { j.Runtime = "wasm/2" }, assay.CodeRuntime},
		"program":          {func(j *assay.Job) { j.Program = assay.Digest{} }, assay.CodeJobField},
		"requester":        {func(j *assay.Job) { j.Requester = assay.Key{} }, assay.CodeJobField},
		"no policy":        {func(j *assay.Job) { j.Policy = "" }, assay.CodeJobField},
		"long policy":      {func(j *assay.Job) { j.Policy = strings.Repeat("a", assay.MaxPolicyText+1) }, assay.CodeJobField},
		"deadline":         {func(j *assay.Job) { j.Deadline = 0 }, assay.CodeJobField},
		"start":            {func(j *assay.Job) { j.Start = -1 }, assay.CodeJobField},
		"zero byte":        {func(j *assay.Job) { j.Args = []string{"a\x00b"} }, assay.CodeJobField},
		"not UTF-8":        {func(j *assay.Job) { j.Args = []string{"\xff"} }, assay.CodeJobField},
		"many args":        {func(j *assay.Job) { j.Args = make([]string, assay.MaxArgs+1) }, assay.CodeJobField},
		"long args":        {func(j *assay.Job) { j.Args = []string{strings.Repeat("a", assay.MaxArgBytes)} }, assay.CodeJobField},
		"env without =":    {func(j *assay.Job) { j.Env = []string{"A"} }, assay.CodeJobEnv},
		"env without key":  {func(j *assay.Job) { j.Env = []string{"=1"} }, assay.CodeJobEnv},
		"env twice":        {func(j *assay.Job) { j.Env = []string{"A=1", "A=2"} }, assay.CodeJobEnv},
		"env out of order": {func(j *assay.Job) { j.Env = []string{"B=1", "A=2"} }, assay.CodeJobEnv},
		"no fuel":          {func(j *assay.Job) { j.Limits.Fuel = 0 }, assay.CodeJobLimits},
		"much fuel":        {func(j *assay.Job) { j.Limits.Fuel = assay.MaxFuel + 1 }, assay.CodeJobLimits},
		"odd memory":       {func(j *assay.Job) { j.Limits.Memory = 65537 }, assay.CodeJobLimits},
		"much memory":      {func(j *assay.Job) { j.Limits.Memory = assay.MaxMemory + assay.WasmPage }, assay.CodeJobLimits},
		"frames":           {func(j *assay.Job) { j.Limits.Frames = assay.MaxFrames + 1 }, assay.CodeJobLimits},
		"slots":            {func(j *assay.Job) { j.Limits.Slots = 0 }, assay.CodeJobLimits},
		"output":           {func(j *assay.Job) { j.Limits.Output = assay.MaxOutput + 1 }, assay.CodeJobLimits},
		"files":            {func(j *assay.Job) { j.Limits.Files = assay.MaxFiles + 1 }, assay.CodeJobLimits},
	} {
		j := testJob()
		c.edit(&j)
		if code := assay.CodeOf(j.Validate()); code != c.code {
			t.Errorf("%s: code %s, want %s", name, code, c.code)
		}
	}
	j := testJob()
	if err := j.Validate(); err != nil {
		t.Errorf("the job itself: %v", err)
	}
}

// TestWorkIgnoresWhoPays: a later job of equal work is a repeat, whatever its
// price, requester, limits or start.
func TestWorkIgnoresWhoPays(t *testing.T) {
	a, b := testJob(), testJob()
	b.Requester, b.Nonce, b.MaxPrice, b.Deadline, b.Policy = assay.KeyOf(testKey("other")), 10, 1, 5, "none"
	b.Limits.Fuel, b.Start = 1, 0
	if a.Work() != b.Work() || a.ID() == b.ID() {
		t.Error("work depends on who pays, or the job's id does not")
	}
	for name, edit := range map[string]func(*assay.Job){
		"program": func(j *assay.Job) { j.Program[0]++ }, "args": func(j *assay.Job) { j.Args = j.Args[:1] }, "env": func(j *assay.Job) { j.Env = nil },
		"stdin": func(j *assay.Job) { j.Stdin[0]++ }, "input": func(j *assay.Job) { j.Input[0]++ }, "seed": func(j *assay.Job) { j.Seed++ }, "index": func(j *assay.Job) { j.Index++ },
	} {
		c := testJob()
		edit(&c)
		if a.Work() == c.Work() {
			t.Errorf("work does not depend on %s", name)
		}
	}
}

func TestResultRefusals(t *testing.T) {
	for name, edit := range map[string]func(*assay.Result){
		"status":              func(r *assay.Result) { r.Status = 4 },
		"no status":           func(r *assay.Result) { r.Status = 0 },
		"trap without status": func(r *assay.Result) { r.Trap = "unreachable" },
		"status without trap": func(r *assay.Result) { r.Status, r.ExitCode = assay.Trapped, 0 },
		"trap with exit code": func(r *assay.Result) { r.Status, r.Trap = assay.Trapped, "unreachable" },
		"long trap": func(r *assay.Result) {
			r.Status, r.ExitCode, r.Trap = assay.Trapped, 0, assay.Code(strings.Repeat("a", 65))
		},
	} {
		r := testResult()
		edit(&r)
		if assay.CodeOf(r.Validate()) != assay.CodeResult {
			t.Errorf("%s was accepted", name)
		}
	}
}

// TestMoneyAgainstBigIntegers compares checked arithmetic with a naive model.
func TestMoneyAgainstBigIntegers(t *testing.T) {
	amount := rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 9), rapid.Uint64Range(math.MaxUint64-9, math.MaxUint64))
	limit := new(big.Int).SetUint64(math.MaxUint64)
	rapid.Check(t, func(t *rapid.T) {
		a, b := amount.Draw(t, "a"), amount.Draw(t, "b")
		p := assay.PPM(rapid.Uint32Range(0, uint32(assay.Whole)).Draw(t, "p"))
		x, y := new(big.Int).SetUint64(a), new(big.Int).SetUint64(b)
		for name, c := range map[string]struct {
			got  func() (assay.Amount, error)
			want *big.Int
		}{
			"add": {func() (assay.Amount, error) { return assay.Amount(a).Add(assay.Amount(b)) }, new(big.Int).Add(x, y)},
			"sub": {func() (assay.Amount, error) { return assay.Amount(a).Sub(assay.Amount(b)) }, new(big.Int).Sub(x, y)},
			"mul": {func() (assay.Amount, error) { return assay.Amount(a).Mul(b) }, new(big.Int).Mul(x, y)},
		} {
			got, err := c.got()
			fits := c.want.Sign() >= 0 && c.want.Cmp(limit) <= 0
			if fits != (err == nil) || fits && c.want.Uint64() != uint64(got) {
				t.Fatalf("%s(%d, %d) = %d, %v; want %s", name, a, b, got, err, c.want)
			}
		}
		share := new(big.Int).Div(new(big.Int).Mul(x, big.NewInt(int64(p))), big.NewInt(int64(assay.Whole)))
		if got := assay.Amount(a).Share(p); uint64(got) != share.Uint64() {
			t.Fatalf("share(%d, %d) = %d, want %s", a, p, got, share)
		}
	})
}

func TestKeyText(t *testing.T) {
	k := assay.KeyOf(testKey("k"))
	if got, err := assay.ParseKey(k.String()); err != nil || got != k {
		t.Fatalf("round trip: %v %v", got, err)
	}
	for _, s := range []string{"", "ed25519:", k.String()[1:], strings.ToUpper(k.String()), k.String() + "0", "ed25519:" + strings.Repeat("g", 64)} {
		if _, err := assay.ParseKey(s); assay.CodeOf(err) != assay.CodeBadKey {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestTxRefusals(t *testing.T) {
	network := digest(6)
	good := func() *assay.Tx {
		return assay.SignTx(network, testKey("a"), 1, 5, &assay.Transfer{To: assay.KeyOf(testKey("b")), Amount: 1})
	}
	if err := good().Verify(network); err != nil {
		t.Fatal(err)
	}
	if code := assay.CodeOf(good().Verify(digest(7))); code != assay.CodeTxNetwork {
		t.Errorf("other network: %s", code)
	}
	for name, edit := range map[string]func(*assay.Tx){
		"nonce": func(x *assay.Tx) { x.Nonce++ }, "expiry": func(x *assay.Tx) { x.Expiry++ }, "signer": func(x *assay.Tx) { x.Signer = assay.KeyOf(testKey("c")) },
		"message": func(x *assay.Tx) { x.Messages[0].Body[len(x.Messages[0].Body)-1]++ }, "signature": func(x *assay.Tx) { x.Signature[0]++ },
		"no signature": func(x *assay.Tx) { x.Signature = nil }, "long signature": func(x *assay.Tx) { x.Signature = append(x.Signature, 0) },
	} {
		x := good()
		edit(x)
		if code := assay.CodeOf(x.Verify(network)); code != assay.CodeTxSignature {
			t.Errorf("%s: %s", name, code)
		}
	}
	version := good()
	version.Version = 2
	empty := assay.SignTx(network, testKey("a"), 1, 5)
	many := good()
	many.Messages = make([]assay.Envelope, assay.MaxMessages+1)
	for name, c := range map[string]struct {
		bytes []byte
		code  assay.Code
	}{
		"version": {version.Bytes(), assay.CodeTxVersion}, "no messages": {empty.Bytes(), assay.CodeTxMessages},
		"many messages": {many.Bytes(), assay.CodeTxMessages}, "trailing byte": {append(good().Bytes(), 0), assay.CodeTxBytes},
		"truncated": {good().Bytes()[:20], assay.CodeTxBytes}, "empty": {nil, assay.CodeTxBytes},
	} {
		if _, err := assay.DecodeTx(c.bytes); assay.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
}

func TestEnvelopeRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		envelope assay.Envelope
		code     assay.Code
	}{
		"unknown kind": {assay.Envelope{Kind: 200}, assay.CodeMessageKind},
		"too large":    {assay.Envelope{Kind: assay.KindTag, Body: make([]byte, 129)}, assay.CodeMessageSize},
		"not ours":     {assay.Envelope{Kind: assay.KindTag, Body: []byte{0x80}}, assay.CodeMessageBytes},
		"another kind": {assay.Envelope{Kind: assay.KindTag, Body: assay.Wrap(&assay.Tick{}).Body}, assay.CodeMessageBytes},
	} {
		if _, err := c.envelope.Message(); assay.CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
}

func TestConsentBindsOwnerAndNetwork(t *testing.T) {
	owner, provider := assay.KeyOf(testKey("owner")), testKey("provider")
	sig := assay.Consent(digest(1), owner, provider)
	if err := assay.VerifyConsent(digest(1), owner, assay.KeyOf(provider), sig); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"network":  assay.VerifyConsent(digest(2), owner, assay.KeyOf(provider), sig),
		"owner":    assay.VerifyConsent(digest(1), assay.KeyOf(testKey("x")), assay.KeyOf(provider), sig),
		"provider": assay.VerifyConsent(digest(1), owner, assay.KeyOf(testKey("x")), sig),
		"none":     assay.VerifyConsent(digest(1), owner, assay.KeyOf(provider), nil),
	} {
		if assay.CodeOf(err) != assay.CodeConsent {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

func TestGenesisRefusals(t *testing.T) {
	good := func() *assay.Genesis {
		return &assay.Genesis{
			Version: 1, Name: "n", Kind: assay.Dev, Validators: []assay.Validator{{Power: 1}},
			Accounts: []assay.Allocation{{Account: assay.Key{1}, Amount: 1}, {Account: assay.Key{2}, Amount: 1}}, Params: assay.LocalParams(),
		}
	}
	if err := good().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(*assay.Genesis){
		"version": func(g *assay.Genesis) { g.Version = 0 }, "name": func(g *assay.Genesis) { g.Name = "" }, "kind": func(g *assay.Genesis) { g.Kind = "x" },
		"validators": func(g *assay.Genesis) { g.Validators = nil }, "power": func(g *assay.Genesis) { g.Validators[0].Power = 0 },
		"public faucet": func(g *assay.Genesis) { g.Kind = assay.Public }, "order": func(g *assay.Genesis) { g.Accounts[0].Account[0] = 3 },
		"twice":  func(g *assay.Genesis) { g.Accounts[0].Account[0] = 2 },
		"supply": func(g *assay.Genesis) { g.Accounts[0].Amount = math.MaxUint64 }, "rate": func(g *assay.Genesis) { g.Params.FuelRate = 0 },
		"share": func(g *assay.Genesis) { g.Params.Bond = assay.Whole + 1 }, "clock": func(g *assay.Genesis) { g.Params.TagClock = 0 },
		"clock step": func(g *assay.Genesis) { g.Params.ClockStep = assay.MaxClockStep + 1 }, "limits": func(g *assay.Genesis) { g.Params.MaxDue = 0 },
	} {
		g := good()
		edit(g)
		if code := assay.CodeOf(g.Validate()); code != assay.CodeGenesis {
			t.Errorf("%s: %s", name, code)
		}
	}
	if id := good().ChainID(); len(id) > 50 {
		t.Errorf("chain id of %d characters; CometBFT takes 50", len(id))
	}
}

// FuzzDecodeTx: what is accepted has one spelling, and its messages decode or
// are refused with a code.
func FuzzDecodeTx(f *testing.F) {
	job := testJob()
	f.Add(assay.SignTx(digest(6), testKey("a"), 1, 5, &assay.Submit{Job: job}).Bytes())
	f.Add(assay.SignTx(digest(6), testKey("a"), 1, 5, &assay.Open{Result: testResult()}, &assay.Tick{}).Bytes())
	f.Add(assay.SignTx(digest(6), testKey("a"), 1, 5, &assay.PostCheckpoint{Job: job.ID(), Epoch: 3, Root: digest(1), File: digest(2), Size: 9}, &assay.PostResume{Job: job.ID(), Seat: 1, Epoch: 3}).Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		tx, err := assay.DecodeTx(b)
		if err != nil {
			var r *assay.Refusal
			if !errors.As(err, &r) {
				t.Fatalf("an error without a code: %v", err)
			}
			return
		}
		if !bytes.Equal(tx.Bytes(), b) {
			t.Fatal("accepted bytes have a second spelling")
		}
		for i := range tx.Messages {
			m, err := tx.Messages[i].Message()
			if err == nil && !bytes.Equal(assay.Wrap(m).Body, tx.Messages[i].Body) {
				t.Fatalf("%s has a second spelling", m.Kind())
			}
		}
	})
}
