package ceremony

import (
	cs "github.com/consensys/gnark/constraint/bn254"

	"github.com/capacloud/assay"
)

// Held is a ceremony as a ledger holds it: contributions and the ends of phases
// are transactions of anybody. It keeps the last contribution of each phase; the
// others are in the history of the chain, from which the whole transcript is put
// together again.
//
// A phase takes contributions for its window at least. Then anybody may close it,
// and in a later block anybody may seal it with the beacon of that block: nobody
// knew it when the last contribution came.
type Held struct {
	_          struct{} `cbor:",toarray"`
	Transcript Transcript
	Counts     [2]uint32    // contributions so far, by phase
	Since      assay.Clock  // when the open phase began
	Window     assay.Millis // that it lasts at least
	Closed     uint64       // height of the block that closed it; zero: it takes contributions
}

// Windows of a phase. The longest keeps a deadline within reach.
const (
	MinWindow = assay.Millis(1_000)
	MaxWindow = assay.Millis(90 * 24 * 3600 * 1000)
)

// CodeWindow refuses what comes before the end of a window or of a block.
const CodeWindow assay.Code = "ceremony-window"

// Open begins a ceremony for a circuit.
func Open(network assay.NetworkID, circuit assay.Digest, r1cs *cs.R1CS, at assay.Moment, window assay.Millis) (*Held, error) {
	if window < MinWindow || window > MaxWindow {
		return nil, assay.Refuse(CodeWindow, "%d ms; the range is %d to %d", window, MinWindow, MaxWindow)
	}
	t, err := Begin(network, circuit, r1cs)
	if err != nil {
		return nil, err
	}
	return &Held{Transcript: *t, Since: at.Clock, Window: window}, nil
}

// Phase returns the number of the phase that is not sealed yet, from 0; behind
// the end it is 1.
func (h *Held) Phase() int {
	if h.Transcript.Powers.Sealed() {
		return 1
	}
	return 0
}

// Contribute verifies a contribution against the last one and puts it in its
// place. The caller has charged Gas.
func (h *Held) Contribute(r1cs *cs.R1CS, by assay.Key, contribution []byte) error {
	switch phase := h.Phase(); {
	case h.Closed != 0:
		return assay.Refuse(CodeOrder, "the phase was closed at height %d", h.Closed)
	case h.Counts[phase] >= MaxContributions/2:
		return assay.Refuse(CodeOrder, "%d contributions are enough", h.Counts[phase])
	default:
		next := h.Transcript
		if err := next.Add(r1cs, by, contribution); err != nil {
			return err
		}
		h.Transcript = *next.Trim()
		h.Counts[phase]++
		return nil
	}
}

// Gas bounds what the next contribution costs.
func (h *Held) Gas() uint64 { return h.Transcript.Gas() }

// GasSeal bounds what Seal costs: the second phase has the circuit evaluated at
// the powers once more.
func (h *Held) GasSeal() uint64 {
	n := uint64(1) << h.Transcript.LogSize
	if h.Phase() == 0 {
		return gasBase
	}
	return gasBase + n*(2*gasKeys+uint64(h.Transcript.LogSize)*gasEvaluate)
}

// GasEnd bounds what ending the open phase costs next.
func (h *Held) GasEnd() uint64 {
	if h.Closed == 0 {
		return 0
	}
	return h.GasSeal()
}

// MaxGas bounds the most expensive step of the ceremony.
func (h *Held) MaxGas() uint64 {
	n, log := uint64(1)<<h.Transcript.LogSize, uint64(h.Transcript.LogSize)
	return gasBase + n*max(gasPowers, 2*gasKeys+log*gasEvaluate)
}

// Close ends the taking of contributions, once the window has passed and somebody
// has contributed.
func (h *Held) Close(at assay.Moment) error {
	switch _, err := h.Transcript.open(); {
	case err != nil:
		return err
	case h.Closed != 0:
		return assay.Refuse(CodeOrder, "the phase was closed at height %d", h.Closed)
	case h.Counts[h.Phase()] == 0:
		return assay.Refuse(CodeOrder, "no contribution yet: a key of nobody's secret is everybody's")
	case at.Clock < h.Since.Add(h.Window):
		return assay.Refuse(CodeWindow, "the phase takes contributions until clock %d", h.Since.Add(h.Window))
	}
	h.Closed = at.Height
	return nil
}

// Seal ends a closed phase with the beacon of a later block. Behind the second
// phase it returns the keys; the verifying one goes to the registry, under
// assay.SetupCeremony.
func (h *Held) Seal(r1cs *cs.R1CS, at assay.Moment, beacon assay.Beacon) (*Result, error) {
	switch {
	case h.Closed == 0:
		return nil, assay.Refuse(CodeOrder, "the phase still takes contributions")
	case at.Height <= h.Closed:
		return nil, assay.Refuse(CodeWindow, "no beacon has passed since the phase was closed at height %d", h.Closed)
	}
	next, phase := h.Transcript, h.Phase()
	if err := next.Seal(beacon.Value[:]); err != nil {
		return nil, err
	}
	var made *Result
	if phase == 1 {
		var err error
		if made, err = next.MakeKeys(r1cs); err != nil {
			return nil, err
		}
	}
	h.Transcript, h.Since, h.Closed = next, at.Clock, 0
	return made, nil
}
