package comet

import (
	"bytes"
	"context"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/ledger"
	"github.com/capacloud/assay/receipt"
)

// TestProofs: what a stranger with the genesis accepts, at rest and in the
// middle of traffic, present and absent.
func TestProofs(t *testing.T) {
	g := testGenesis(1)
	n := start(t, testConfig(g, 0))
	ctx := context.Background()
	bob := ledger.AccountKey(assay.KeyOf(key("bob")))
	prove := func(k []byte, exists bool) *Proof {
		t.Helper()
		p, err := n.Proof(ctx, k)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Verify(g); err != nil {
			t.Errorf("%q: %v", k, err)
		}
		if exists != (p.Value != nil) {
			t.Errorf("%q: value %x", k, p.Value)
		}
		return p
	}
	prove(bob, false)
	pay(t, n, "bob")
	p := prove(bob, true) // at once: the header with the root is on its way
	rest(n)
	q := prove(bob, true)
	if !bytes.Equal(p.Root, q.Root) {
		t.Error("the root at rest is another")
	}
	prove(ledger.RecordKey(assay.JobID{1}), false)

	other := testGenesis(1)
	other.Name = "other"
	if err := q.Verify(other); assay.CodeOf(err) != CodeProof {
		t.Errorf("under another genesis: %v", err)
	}
	for name, edit := range map[string]func(p *Proof){
		"another value": func(p *Proof) { p.Value = append(bytes.Clone(p.Value), 1) },
		"no value":      func(p *Proof) { p.Value = nil },
		"another key":   func(p *Proof) { p.Key = append(bytes.Clone(p.Key), 1) },
		"another root":  func(p *Proof) { p.Root = append([]byte{^p.Root[0]}, p.Root[1:]...) },
		"no proof":      func(p *Proof) { p.ICS23 = nil },
		"a torn proof":  func(p *Proof) { p.ICS23 = p.ICS23[:len(p.ICS23)/2] },
		"a header of another": func(p *Proof) {
			p.Header = prove(ledger.MetaKey(), true).Header
			p.Root = append([]byte{^p.Root[0]}, p.Root[1:]...)
		},
		"no commit": func(p *Proof) { p.Commit = nil },
	} {
		bad := *q
		edit(&bad)
		if err := bad.Verify(g); assay.CodeOf(err) != CodeProof {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range 64 { // the signature ends the commit
		bad := *q
		bad.Commit = bytes.Clone(q.Commit)
		bad.Commit[len(bad.Commit)-1-i] ^= 1
		if err := bad.Verify(g); assay.CodeOf(err) != CodeProof {
			t.Errorf("byte %d of the signature: %v", 63-i, err)
		}
	}
	if _, err := n.Proof(ctx, make([]byte, maxKeyBytes+1)); assay.CodeOf(err) != CodeKey {
		t.Errorf("a long key: %v", err)
	}
	in, err := q.Inclusion()
	if err != nil || len(in.Commit.Votes) != 1 || in.Header.App != assay.Digest(q.Root) {
		t.Errorf("inclusion %+v %v", in, err)
	}
	e, err := q.Evidence()
	if err != nil || e.Absence != nil || e.Path == nil || e.Header != in.Header {
		t.Errorf("evidence of a value %+v %v", e, err)
	}
	job := assay.JobID{7}
	gone, err := prove(receipt.RevocationKey(job), false).Evidence()
	if err != nil || gone.Path != nil || gone.Absence == nil {
		t.Fatalf("evidence of an absence %+v %v", gone, err)
	}
	if _, err := receipt.NewRevocations(g.ID(), job, nil, gone); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(receipt.RevocationKey(job), ledger.RevocationKey(job)) {
		t.Error("receipt and ledger name the key differently")
	}
}

// TestProofUnderLoad asks while blocks follow one another.
func TestProofUnderLoad(t *testing.T) {
	g := testGenesis(1)
	n := start(t, testConfig(g, 0))
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				_ = n.Broadcast(transfer(g, "alice", "bob", 1, head(n).Height+50).Bytes())
			}
		}
	}()
	for range 30 {
		p, err := n.Proof(context.Background(), ledger.AccountKey(assay.KeyOf(key("bob"))))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Verify(g); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	<-done
}
