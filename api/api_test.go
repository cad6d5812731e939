package api

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/api/wire"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/comet"
	"github.com/capacloud/assay/ledger"
)

func key(name string) ed25519.PrivateKey {
	seed := canon.Hash("test/key", []byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// network runs a node and serves it on a port of its own.
func network(t testing.TB) (*comet.Node, string) {
	t.Helper()
	g := &assay.Genesis{
		Version: 1, Name: "test", Kind: assay.InProcess, Time: assay.Time(time.Now().Add(-time.Minute).UnixMilli()),
		Rules: ledger.RulesVersion(), Params: assay.LocalParams(),
		Validators: []assay.Validator{{Name: "v", Power: 1, Consensus: assay.KeyOf(key("c")), Beacon: assay.KeyOf(key("b")), Account: assay.KeyOf(key("v"))}},
		Accounts:   []assay.Allocation{{Account: assay.KeyOf(key("alice")), Amount: 1_000_000_000}},
	}
	n, err := comet.Start(t.Context(), comet.Config{Genesis: g, Consensus: key("c"), Beacon: key("b"), Account: key("v")})
	if err != nil {
		t.Fatal(err)
	}
	blobs := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "blob "+r.URL.Path) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := NewServer(Handler(n, blobs))
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() {
		_ = srv.Close()
		_ = n.Stop()
	})
	return n, "http://" + l.Addr().String()
}

var nonce uint64

func pay(g *assay.Genesis, amount assay.Amount) *assay.Tx {
	nonce++
	return assay.SignTx(g.ID(), key("alice"), nonce, 500, &assay.Transfer{To: assay.KeyOf(key("bob")), Amount: amount})
}

// post does what curl does.
func post(t *testing.T, url, body string) (int, http.Header, map[string]any) {
	t.Helper()
	res, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var v map[string]any
	b, _ := io.ReadAll(res.Body)
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%s: %s: %v", url, b, err)
	}
	return res.StatusCode, res.Header, v
}

func TestCurl(t *testing.T) {
	n, url := network(t)
	rpc := url + "/assay.v1.Network/"
	tx := pay(n.Genesis(), 700)
	body, _ := json.Marshal(map[string]string{"tx": base64.StdEncoding.EncodeToString(tx.Bytes())})
	code, _, v := post(t, rpc+"Submit", string(body))
	if code != 200 || v["id"] != tx.ID().String() || v["code"] != nil {
		t.Errorf("submit: %d %v", code, v)
	}
	if _, _, v := post(t, rpc+"Status", `{"id":"`+tx.ID().String()+`"}`); v["height"] == nil {
		t.Errorf("status: %v", v)
	}
	if _, _, v := post(t, rpc+"Account", `{"key":"`+assay.KeyOf(key("bob")).String()+`"}`); v["balance"] != "700" {
		t.Errorf("account: %v", v)
	}
	if _, _, v := post(t, rpc+"Genesis", `{}`); v["network"] != n.Genesis().ID().String() || v["kind"] != "in-process" {
		t.Errorf("genesis: %v", v)
	}
	res, err := http.Get(rpc + "Head?encoding=json&message=%7B%7D&connect=v1") // cacheable reads
	if err != nil || res.StatusCode != 200 {
		t.Errorf("GET head: %v %v", res, err)
	} else {
		res.Body.Close()
	}
	res, err = http.Get(url + "/blob/x")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, _ := io.ReadAll(res.Body); string(b) != "blob /blob/x" {
		t.Errorf("blob: %s", b)
	}
}

// TestErrorsCarryCodes: over JSON in a header and in the text, and through the
// client as the same refusal that a node gives.
func TestErrorsCarryCodes(t *testing.T) {
	n, url := network(t)
	forged := pay(n.Genesis(), 1)
	forged.Signature[0] ^= 1
	body, _ := json.Marshal(map[string]string{"tx": base64.StdEncoding.EncodeToString(forged.Bytes())})
	code, h, v := post(t, url+"/assay.v1.Network/Submit", string(body))
	if code != 400 || h.Get(CodeHeader) != "bad-signature" || !strings.HasPrefix(v["message"].(string), "bad-signature: ") {
		t.Errorf("forged: %d %q %v", code, h.Get(CodeHeader), v)
	}
	c, err := Dial(t.Context(), url, n.Genesis().ID())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []Backend{n, c} {
		ctx := t.Context()
		_, err := b.Submit(ctx, forged.Bytes())
		want(t, "submit", err, assay.CodeTxSignature)
		want(t, "broadcast", b.Broadcast(forged.Bytes()), assay.CodeTxSignature)
		_, err = b.Status(ctx, assay.Digest{1})
		want(t, "status", err, comet.CodeNoTx)
		_, err = b.Case(ctx, assay.Digest{1})
		want(t, "case", err, ledger.CodeUnknownJob)
		_, err = b.Offer(ctx, assay.Key{1})
		want(t, "offer", err, comet.CodeNoOffer)
		_, err = b.Proof(ctx, nil)
		want(t, "proof", err, comet.CodeKey)
		_, err = b.Proof(ctx, make([]byte, 1000))
		want(t, "proof", err, comet.CodeKey)
		canceled, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := b.Submit(canceled, pay(n.Genesis(), 1).Bytes()); !errors.Is(err, context.Canceled) {
			t.Errorf("canceled: %v", err)
		}
	}
	if _, err := Dial(t.Context(), url, canon.Hash("another")); assay.CodeOf(err) != assay.CodeTxNetwork {
		t.Errorf("another network: %v", err)
	}
	if _, err := Dial(t.Context(), "ftp://x", assay.NetworkID{}); assay.CodeOf(err) != CodeRequest {
		t.Errorf("another scheme: %v", err)
	}
	if _, err := Dial(t.Context(), "http://127.0.0.1:1", assay.NetworkID{}); assay.CodeOf(err) != CodeServer {
		t.Errorf("nobody there: %v", err)
	}
}

func want(t *testing.T, what string, err error, code assay.Code) {
	t.Helper()
	if assay.CodeOf(err) != code {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

// TestClientIsABackend: node and client give equal answers.
func TestClientIsABackend(t *testing.T) {
	n, url := network(t)
	ctx := t.Context()
	c, err := Dial(ctx, url+"/", assay.NetworkID{})
	if err != nil {
		t.Fatal(err)
	}
	watch := c.Watch(ctx)
	<-watch
	r, err := c.Submit(ctx, pay(n.Genesis(), 900).Bytes())
	if err != nil || r.Code != "" {
		t.Fatal(r, err)
	}
	for m := range watch {
		if m.Height >= r.Height {
			break
		}
	}
	if a, err := c.Account(ctx, assay.KeyOf(key("bob"))); err != nil || a.Balance != 900 {
		t.Errorf("account %+v %v", a, err)
	}
	if list, err := c.Offers(ctx); err != nil || len(list) != 0 {
		t.Errorf("offers %v %v", list, err)
	}
	if list, err := c.Cases(ctx, ledger.Filter{}); err != nil || len(list) != 0 {
		t.Errorf("cases %v %v", list, err)
	}
	k := ledger.AccountKey(assay.KeyOf(key("bob")))
	near, err := n.Proof(ctx, k)
	if err != nil {
		t.Fatal(err)
	}
	far, err := c.Proof(ctx, k)
	if err != nil || !bytes.Equal(far.ICS23, near.ICS23) || !bytes.Equal(far.Value, near.Value) || len(far.Value) == 0 {
		t.Errorf("proof %+v %v", far, err)
	}
	absent, err := c.Proof(ctx, ledger.RecordKey(assay.JobID{1}))
	if err != nil || absent.Value != nil {
		t.Errorf("absence %+v %v", absent, err)
	}
	h, err := c.Head(ctx)
	if err != nil || h.Moment.Height != r.Height {
		t.Errorf("head %+v %v", h, err)
	}
}

// TestEveryProtocol: one handler, four ways in.
func TestEveryProtocol(t *testing.T) {
	n, url := network(t)
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	h2c := &http.Client{Transport: &http.Transport{Protocols: &protocols}}
	for name, client := range map[string]wire.NetworkClient{
		"connect":  wire.NewNetworkClient(http.DefaultClient, url),
		"json":     wire.NewNetworkClient(http.DefaultClient, url, connect.WithProtoJSON()),
		"grpc":     wire.NewNetworkClient(h2c, url, connect.WithGRPC()),
		"grpc-web": wire.NewNetworkClient(http.DefaultClient, url, connect.WithGRPCWeb()),
	} {
		r, err := client.Head(t.Context(), connect.NewRequest(&wire.HeadRequest{}))
		if err != nil || r.Msg.Network != n.Genesis().ID().String() {
			t.Errorf("%s: %v %v", name, r, err)
		}
		_, err = client.Case(t.Context(), connect.NewRequest(&wire.CaseRequest{Job: assay.Digest{1}.String()}))
		if assay.CodeOf(refusalOf(err)) != ledger.CodeUnknownJob {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLimits(t *testing.T) {
	n, url := network(t)
	rpc := url + "/assay.v1.Network/"
	huge := `{"tx":"` + strings.Repeat("A", 3*int(n.Genesis().Params.MaxTxBytes)) + `"}`
	if code, _, v := post(t, rpc+"Submit", huge); code == 200 {
		t.Errorf("huge request: %v", v)
	}
	big, _ := json.Marshal(map[string][]byte{"tx": make([]byte, n.Genesis().Params.MaxTxBytes+10)})
	if code, h, v := post(t, rpc+"Submit", string(big)); code == 200 || h.Get(CodeHeader) == "" {
		t.Errorf("big transaction: %d %v", code, v)
	}
	for _, body := range []string{``, `{`, `[]`, `{"tx":5}`, `{"tx":"***"}`, `{"unknown":1}`} {
		if code, _, v := post(t, rpc+"Submit", body); code == 200 {
			t.Errorf("%s: %v", body, v)
		}
	}
	for _, body := range []string{`{"requester":"x"}`, `{"after":"x"}`, `{"provider":"ed25519:00"}`} {
		if code, h, v := post(t, rpc+"Cases", body); code != 400 || h.Get(CodeHeader) == "" {
			t.Errorf("%s: %d %v", body, code, v)
		}
	}
}

// TestFullHouse: who waits takes a place, and places are limited.
func TestFullHouse(t *testing.T) {
	n, _ := network(t)
	s := &server{backend: n, genesis: n.Genesis(), submits: make(chan struct{}, 1), watches: make(chan struct{}, 1)}
	s.submits <- struct{}{}
	_, err := s.Submit(t.Context(), connect.NewRequest(&wire.SubmitRequest{Tx: pay(n.Genesis(), 1).Bytes()}))
	if connect.CodeOf(err) != connect.CodeResourceExhausted || assay.CodeOf(refusalOf(err)) != CodeBusy {
		t.Errorf("submit: %v", err)
	}
	s.watches <- struct{}{}
	if err := s.Watch(t.Context(), nil, nil); connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Errorf("watch: %v", err)
	}
}

// TestInternalErrorsStayInside: text that is not a refusal may name paths.
func TestInternalErrorsStayInside(t *testing.T) {
	err := failure(errors.New("open /home/secret: no such file"))
	if connect.CodeOf(err) != connect.CodeInternal || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
}

// FuzzAnswer: whatever a server sends, the client answers with values or a
// refusal, and a case that it accepts is of its own job.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte{0x80}, "sha256:00", "")
	f.Fuzz(func(t *testing.T, b []byte, s, u string) {
		if c, err := caseFrom(&wire.CaseResponse{Canonical: b}); err == nil && c.ID != c.Job.ID() {
			t.Fatal("a case of another job")
		}
		_, _ = offerFrom(&wire.Offer{Canonical: b})
		_, _ = resultFrom(&wire.TxResult{Id: s, Code: u})
		_, _ = accountFrom(&wire.AccountResponse{Locks: []*wire.Lock{{Job: s, Provider: u}}})
		_, _ = filterFrom(&wire.CasesRequest{Provider: s, Requester: u, After: s})
	})
}
