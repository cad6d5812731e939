package main

import (
	"encoding/hex"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/circuit"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/zk/ceremony"
)

func newZKCeremony() *cobra.Command {
	return group("ceremony", "make the keys of a circuit by many, and check that others did",
		newCeremonyBegin(), newCeremonyContribute(), newCeremonySeal(), newCeremonyVerify(),
		newCeremonyOpen(), newCeremonyGive(), newCeremonyEnd(), newCeremonyFetch())
}

// ceremonyOptions are what all its commands share.
type ceremonyOptions struct {
	circuit, out, by, network string
	json                      bool
}

func (o *ceremonyOptions) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.circuit, "circuit", "", "the constraint system's `FILE`")
}

// system reads the circuit, which must be the transcript's.
func (o *ceremonyOptions) system(t *ceremony.Transcript) (*circuit.System, assay.Digest, error) {
	if o.circuit == "" {
		return nil, assay.Digest{}, usage("--circuit is required: the constraint system's file")
	}
	b, err := readLimited(o.circuit, circuit.MaxSystem)
	if err != nil {
		return nil, assay.Digest{}, err
	}
	digest := merkle.FileOf(b)
	if t != nil && t.Circuit != digest {
		return nil, digest, assay.Refuse(ceremony.CodeCircuit, "%s is %s, the transcript is about %s", o.circuit, digest, t.Circuit)
	}
	s, err := circuit.ParseSystem(b)
	return s, digest, err
}

func readTranscript(file string) (*ceremony.Transcript, error) {
	b, err := readLimited(file, ceremony.MaxTranscript)
	if err != nil {
		return nil, err
	}
	return ceremony.Parse(b)
}

func writeTranscript(file string, t *ceremony.Transcript) error {
	if err := os.WriteFile(file, t.Bytes(), 0o644); err != nil {
		return badInput(codeFile, "%v", err)
	}
	return nil
}

func newCeremonyBegin() *cobra.Command {
	var o ceremonyOptions
	cmd := &cobra.Command{
		Use:   "begin TRANSCRIPT --circuit FILE",
		Short: "write an empty transcript for a circuit",
		Args:  exactArgs(1, "one TRANSCRIPT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, digest, err := o.system(nil)
			if err != nil {
				return err
			}
			var network assay.NetworkID
			if o.network != "" {
				if network, err = digestArg(o.network); err != nil {
					return err
				}
			}
			t, err := ceremony.Begin(network, digest, s.R1CS())
			if err != nil {
				return err
			}
			if _, err := os.Lstat(args[0]); err == nil {
				return badInput(codeFile, "%s is there already", args[0])
			}
			return writeTranscript(args[0], t)
		},
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&o.network, "network", "", "`ID` of the network whose beacons will end the phases")
	return cmd
}

func digestArg(text string) (assay.Digest, error) {
	var d assay.Digest
	if err := d.UnmarshalText([]byte(text)); err != nil {
		return d, badInput(codeUsage, "%v", err)
	}
	return d, nil
}

func newCeremonyContribute() *cobra.Command {
	var o ceremonyOptions
	cmd := &cobra.Command{
		Use:   "contribute TRANSCRIPT --circuit FILE",
		Short: "add a secret of your own to the open phase, and forget it",
		Long: `Verifies the whole transcript, adds a contribution to its open phase and writes it back. The
secret exists in this process alone, and ends with it: do not let the machine swap or dump core.`,
		Args: exactArgs(1, "one TRANSCRIPT"),
		RunE: func(_ *cobra.Command, args []string) error {
			t, err := readTranscript(args[0])
			if err != nil {
				return err
			}
			s, _, err := o.system(t)
			if err != nil {
				return err
			}
			var by assay.Key
			if o.by != "" {
				if by, err = assay.ParseKey(o.by); err != nil {
					return err
				}
			}
			if _, err := t.Verify(s.R1CS()); err != nil {
				return err
			}
			b, err := t.Contribute(s.R1CS())
			if err != nil {
				return err
			}
			if err := t.Add(s.R1CS(), by, b); err != nil {
				return err
			}
			return writeTranscript(args[0], t)
		},
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&o.by, "by", "", "your public `KEY`, for the record; it proves nothing")
	return cmd
}

func newCeremonySeal() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "seal TRANSCRIPT BEACON",
		Short: "end the open phase with a beacon of 32 bytes in hex, that nobody knew before",
		Args:  exactArgs(2, "TRANSCRIPT and BEACON"),
		RunE: func(_ *cobra.Command, args []string) error {
			t, err := readTranscript(args[0])
			if err != nil {
				return err
			}
			beacon, err := hex.DecodeString(args[1])
			if err != nil {
				return badInput(codeUsage, "BEACON: %v", err)
			}
			if err := t.Seal(beacon); err != nil {
				return err
			}
			return writeTranscript(args[0], t)
		},
	}
	return cmd
}

// ceremonyView is the object of `zk ceremony verify --json`.
type ceremonyView struct {
	Answer  string   `json:"answer"` // valid | open
	Network string   `json:"network,omitempty"`
	Circuit string   `json:"circuit"`
	Powers  phaseRow `json:"powers"`
	Keys    phaseRow `json:"keys"`
	Key     string   `json:"key,omitempty"`
	Assumes []string `json:"assumes"`
}

type phaseRow struct {
	Contributions int      `json:"contributions"`
	By            []string `json:"by"`
	Beacon        string   `json:"beacon,omitempty"`
}

func newCeremonyVerify() *cobra.Command {
	var o ceremonyOptions
	var key string
	cmd := &cobra.Command{
		Use:   "verify TRANSCRIPT --circuit FILE",
		Short: "verify every contribution of a ceremony, and make its keys again",
		Long: `Verifies a transcript from its first contribution on, and derives the keys that it ends in.
Compare the beacons with the blocks they come from, and the printed key with the one in use.

Exit code 0: every contribution is valid. 1: one lies. 2: unusable.`,
		Args: exactArgs(1, "one TRANSCRIPT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := readTranscript(args[0])
			if err != nil {
				return err
			}
			s, _, err := o.system(t)
			if err != nil {
				return err
			}
			made, err := t.Verify(s.R1CS())
			switch code := assay.CodeOf(err); {
			case err != nil && (code == ceremony.CodeContribution || code == ceremony.CodeForm):
				return &exitError{exit: exitRefuted, code: code, text: err.Error()}
			case err != nil:
				return err
			}
			return o.answer(cmd, t, made, key)
		},
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&o.out, "proving", "", "write the proving key to `FILE`")
	cmd.Flags().StringVar(&key, "key", "", "write the verifying key to `FILE`")
	cmd.Flags().BoolVar(&o.json, "json", false, "print one JSON object")
	return cmd
}

func (o *ceremonyOptions) answer(cmd *cobra.Command, t *ceremony.Transcript, made *ceremony.Result, key string) error {
	row := func(p *ceremony.Phase) phaseRow {
		r := phaseRow{Contributions: len(p.Contributions), By: []string{}, Beacon: hex.EncodeToString(p.Beacon)}
		for _, c := range p.Contributions {
			r.By = append(r.By, c.By.String())
		}
		return r
	}
	v := ceremonyView{Answer: "open", Circuit: t.Circuit.String(), Powers: row(&t.Powers), Keys: row(&t.Keys)}
	v.Assumes = []string{"one contributor of each phase was honest and forgot its secret", "the beacons were unknown while contributions were open"}
	if !t.Network.IsZero() {
		v.Network = t.Network.String()
	}
	if made != nil {
		v.Answer, v.Key = "valid", made.Key.Digest().String()
		for file, b := range map[string]func() []byte{o.out: circuit.ProvingKeyOf(made.Proving).Bytes, key: made.Key.Bytes} {
			if file == "" {
				continue
			}
			if err := os.WriteFile(file, b(), 0o644); err != nil {
				return badInput(codeFile, "%v", err)
			}
		}
	}
	if o.json {
		writeJSON(cmd.OutOrStdout(), v)
		return nil
	}
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "%-10s ceremony of circuit %s\n", v.Answer, v.Circuit)
	for _, p := range []struct {
		name string
		row  phaseRow
	}{{"powers", v.Powers}, {"keys", v.Keys}} {
		beacon := p.row.Beacon
		if beacon == "" {
			beacon = "open"
		}
		fmt.Fprintf(w, "  %-8s %d contributions, beacon %s\n", p.name, p.row.Contributions, beacon)
	}
	if v.Key != "" {
		fmt.Fprintf(w, "  key      %s\n", v.Key)
	}
	for _, a := range v.Assumes {
		fmt.Fprintf(w, "  assumes  %s\n", a)
	}
	return nil
}
