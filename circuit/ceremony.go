package circuit

import (
	groth16bn254 "github.com/consensys/gnark/backend/groth16/bn254"
	cs "github.com/consensys/gnark/constraint/bn254"
)

// R1CS returns the system as a ceremony reads it. It is not to be changed.
func (s *System) R1CS() *cs.R1CS { return s.r1cs }

// ProvingKeyOf takes over a key that gnark made, such as a ceremony's.
func ProvingKeyOf(pk *groth16bn254.ProvingKey) *ProvingKey { return &ProvingKey{pk} }
