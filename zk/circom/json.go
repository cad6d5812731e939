package circom

import (
	"encoding/json"

	curve "github.com/consensys/gnark-crypto/ecc/bn254"
	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

// jsonProof is a proof as snarkjs writes it: the third coordinate is one, and in
// G2 the real part comes first.
type jsonProof struct {
	A        [3]string    `json:"pi_a"`
	B        [3][2]string `json:"pi_b"`
	C        [3]string    `json:"pi_c"`
	Protocol string       `json:"protocol"`
	Curve    string       `json:"curve"`
}

// JSON returns the proof.json that `snarkjs groth16 verify` reads.
func (p *Proof) JSON() []byte {
	g1 := func(p *curve.G1Affine) [3]string { return [3]string{p.X.String(), p.Y.String(), "1"} }
	return jsonOf(jsonProof{
		A: g1(&p.A), C: g1(&p.C), Protocol: "groth16", Curve: "bn128",
		B: [3][2]string{{p.B.X.A0.String(), p.B.X.A1.String()}, {p.B.Y.A0.String(), p.B.Y.A1.String()}, {"1", "0"}},
	})
}

// PublicJSON returns the public.json that belongs to a witness.
func (k *ProvingKey) PublicJSON(w []fr.Element) []byte {
	list := make([]string, k.Public)
	for i := range list {
		list[i] = w[i+1].String()
	}
	return jsonOf(list)
}

func jsonOf(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings only
	}
	return b
}
