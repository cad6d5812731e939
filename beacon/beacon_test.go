package beacon

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"testing"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519/extra/ecvrf"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
)

// TestVectorsOfRFC9381 shows that the library is the final RFC and not a
// draft: appendix B.4, examples 19 to 21. Drafts before 11 left the public key
// out of the challenge and fail on every pi.
func TestVectorsOfRFC9381(t *testing.T) {
	for i, v := range []struct{ sk, alpha, pi, beta string }{
		{
			"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "",
			"7d9c633ffeee27349264cf5c667579fc583b4bda63ab71d001f89c10003ab46f14adf9a3cd8b8412d9038531e865c341cafa73589b023d14311c331a9ad15ff2fb37831e00f0acaa6d73bc9997b06501",
			"9d574bf9b8302ec0fc1e21c3ec5368269527b87b462ce36dab2d14ccf80c53cccf6758f058c5b1c856b116388152bbe509ee3b9ecfe63d93c3b4346c1fbc6c54",
		},
		{
			"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "72",
			"47b327393ff2dd81336f8a2ef10339112401253b3c714eeda879f12c509072ef055b48372bb82efbdce8e10c8cb9a2f9d60e93908f93df1623ad78a86a028d6bc064dbfc75a6a57379ef855dc6733801",
			"38561d6b77b71d30eb97a062168ae12b667ce5c28caccdf76bc88e093e4635987cd96814ce55b4689b3dd2947f80e59aac7b7675f8083865b46c89b2ce9cc735",
		},
		{
			"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", "af82",
			"926e895d308f5e328e7aa159c06eddbe56d06846abf5d98c2512235eaa57fdce35b46edfc655bc828d44ad09d1150f31374e7ef73027e14760d42e77341fe05467bb286cc2c9d7fde29120a0b2320d04",
			"121b7f9b9aaaa29099fc04a94ba52784d44eac976dd1a3cca458733be5cd090a7b5fbd148444f17f8daf1fb55cb04b1ae85a626e30a54b4b0f8abf4a43314a58",
		},
	} {
		key := voi.NewKeyFromSeed(unhex(t, v.sk))
		pi := ecvrf.Prove(key, unhex(t, v.alpha))
		if got := hex.EncodeToString(pi); got != v.pi {
			t.Errorf("example %d: pi %s", 19+i, got)
		}
		ok, beta := ecvrf.Verify(key.Public().(voi.PublicKey), unhex(t, v.pi), unhex(t, v.alpha))
		if !ok || hex.EncodeToString(beta) != v.beta {
			t.Errorf("example %d: ok %v, beta %x", 19+i, ok, beta)
		}
	}
}

func TestVerifyAcceptsOnlyItsOwn(t *testing.T) {
	network, other := canon.Hash("network"), canon.Hash("other")
	key, stranger := private(1), private(2)
	b := Prove(key, network, 7)
	if err := Verify(assay.KeyOf(key), network, 7, b); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		key     assay.Key
		network assay.NetworkID
		height  uint64
		b       assay.Beacon
	}{
		{"another height", assay.KeyOf(key), network, 8, b},
		{"another network", assay.KeyOf(key), other, 7, b},
		{"another key", assay.KeyOf(stranger), network, 7, b},
		{"another key's name", assay.KeyOf(stranger), network, 7, edit(b, func(b *assay.Beacon) { b.Validator = assay.KeyOf(stranger) })},
		{"another value", assay.KeyOf(key), network, 7, edit(b, func(b *assay.Beacon) { b.Value[0] ^= 1 })},
		{"a shorter proof", assay.KeyOf(key), network, 7, edit(b, func(b *assay.Beacon) { b.Proof = b.Proof[:79] })},
		{"a longer proof", assay.KeyOf(key), network, 7, edit(b, func(b *assay.Beacon) { b.Proof = append(b.Proof, 0) })},
		{"no proof", assay.KeyOf(key), network, 7, edit(b, func(b *assay.Beacon) { b.Proof = nil })},
	} {
		if err := Verify(c.key, c.network, c.height, c.b); assay.CodeOf(err) != CodeBeacon {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for bit := range 8 * ProofSize {
		bad := edit(b, func(b *assay.Beacon) { b.Proof[bit/8] ^= 1 << (bit % 8) })
		if err := Verify(assay.KeyOf(key), network, 7, bad); err == nil {
			t.Errorf("bit %d of the proof does not matter", bit)
		}
	}
}

// TestValueIsUnique is the property that signatures lack: proving again with
// another nonce gives another proof and the same value.
func TestValueIsUnique(t *testing.T) {
	network, key := canon.Hash("network"), private(1)
	b := Prove(key, network, 7)
	for i := range 20 {
		noise := bytes.NewReader(bytes.Repeat([]byte{byte(i)}, 64))
		proof, err := ecvrf.ProveWithAddedRandomness(noise, voi.PrivateKey(key), Input(network, 7))
		if err != nil {
			t.Fatal(err)
		}
		again := assay.Beacon{Value: b.Value, Validator: b.Validator, Proof: proof}
		if bytes.Equal(proof, b.Proof) {
			t.Fatal("the nonce did not change the proof; this test shows nothing")
		}
		if err := Verify(b.Validator, network, 7, again); err != nil {
			t.Fatal(err)
		}
	}
}

// TestScalarIsCanonical adds the group order to s: the same proof, spelled
// differently, is refused.
func TestScalarIsCanonical(t *testing.T) {
	network, key := canon.Hash("network"), private(1)
	b := Prove(key, network, 7)
	order := unhex(t, "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
	carry := 0
	for i := range 32 {
		sum := int(b.Proof[48+i]) + int(order[i]) + carry
		b.Proof[48+i], carry = byte(sum), sum>>8
	}
	if err := Verify(assay.KeyOf(key), network, 7, b); err == nil {
		t.Error("s + q was accepted")
	}
}

// TestSmallOrderKeysAreRefused: for them any Gamma of small order would verify.
func TestSmallOrderKeysAreRefused(t *testing.T) {
	network := canon.Hash("network")
	for _, s := range []string{
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // 1, not canonical
	} {
		key := assay.Key(unhex(t, s))
		b := assay.Beacon{Validator: key, Proof: make([]byte, ProofSize)}
		b.Proof[0] = 1
		if err := Verify(key, network, 1, b); assay.CodeOf(err) != CodeBeacon {
			t.Errorf("key %s: %v", s, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	network, key := canon.Hash("network"), private(1)
	f.Add([]byte(nil), []byte(key[32:]))
	f.Add(Prove(key, network, 7).Proof, []byte(key[32:]))
	f.Fuzz(func(t *testing.T, proof, public []byte) {
		if len(public) != 32 {
			return
		}
		b := Prove(key, network, 7)
		err := Verify(assay.Key(public), network, 7, assay.Beacon{Value: b.Value, Validator: assay.Key(public), Proof: proof})
		var refusal *assay.Refusal
		if err != nil && !errors.As(err, &refusal) {
			t.Fatal(err)
		}
		if err == nil && !bytes.Equal(public, key[32:]) {
			t.Fatal("a stranger's key proved our value")
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	network, key := canon.Hash("network"), private(1)
	beacon := Prove(key, network, 7)
	for b.Loop() {
		if err := Verify(beacon.Validator, network, 7, beacon); err != nil {
			b.Fatal(err)
		}
	}
}

func private(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func edit(b assay.Beacon, change func(*assay.Beacon)) assay.Beacon {
	b.Proof = bytes.Clone(b.Proof)
	change(&b)
	return b
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
