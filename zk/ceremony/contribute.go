package ceremony

import (
	cs "github.com/consensys/gnark/constraint/bn254"
)

// Contribute returns the next contribution: a fresh secret of this process, which
// is gone when the function returns, as far as Go lets go of memory. It is the
// one function here that is not pure, and no rule calls it.
func (t *Transcript) Contribute(r1cs *cs.R1CS) ([]byte, error) {
	p, err := t.open()
	if err != nil {
		return nil, err
	}
	if p == &t.Powers {
		last, err := t.lastPowers()
		if err != nil {
			return nil, err
		}
		last.Contribute()
		return encode(last), nil
	}
	last, err := t.lastKeys(r1cs)
	if err != nil {
		return nil, err
	}
	last.Contribute()
	return encode(last), nil
}
