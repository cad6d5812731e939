package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/zk"
	"github.com/capacloud/assay/zk/casefile"
)

func newZK() *cobra.Command {
	return group("zk", "check proofs of other systems, their keys and their ceremonies, offline",
		newZKVerify(), newZKJudge(), newZKKey(), newZKCeremony())
}

func newZKVerify() *cobra.Command {
	var asJSON bool
	var pinned string
	cmd := &cobra.Command{
		Use:   "verify CASE.json",
		Short: "check a proof of SP1, RISC Zero, snarkjs or gnark",
		Long: `Checks the proof in a JSON file against the key and the statement in it. docs/ZK.md has the
fields of each system. What the file states and could be computed from the rest is computed
and compared.

The key comes from the file, so its digest is printed: compare it, or pass --key.

Exit code 0: valid. 1: invalid. 2: unusable, or there is no proof in it.`,
		Args: exactArgs(1, "one CASE.json"),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := readLimited(args[0], casefile.MaxFile)
			if err != nil {
				return err
			}
			c, err := casefile.Parse(b)
			if err != nil {
				return err
			}
			return answerCase(cmd, c.Judge(), pinned, asJSON)
		},
	}
	cmd.Flags().StringVar(&pinned, "key", "", "refuse a proof under another key than this `DIGEST`")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// caseView is the object of `zk verify --json`.
type caseView struct {
	Answer    casefile.Outcome `json:"answer"`
	System    string           `json:"system"`
	Release   string           `json:"release,omitempty"`
	Key       string           `json:"key,omitempty"`
	Statement string           `json:"statement,omitempty"` // what would be paid once under bind=commit
	Public    string           `json:"public,omitempty"`
	Assumes   []string         `json:"assumes,omitempty"`
	Error     *failure         `json:"error,omitempty"`
}

func answerCase(cmd *cobra.Command, f casefile.Finding, pinned string, asJSON bool) error {
	if f.Loaded != nil && pinned != "" && f.Key.String() != pinned {
		f.Err, f.Outcome = assay.Refuse(zk.CodeKeyPinned, "the file's key is %s", f.Key), casefile.Invalid
	}
	if f.Outcome == casefile.KeyOnly {
		f.Err = assay.Refuse(casefile.CodeUnusable, "the key is sound, and there is no proof")
	}
	view := caseView{Answer: f.Outcome, System: f.System, Release: f.Release}
	if f.Loaded != nil {
		view.Key = f.Key.String()
	}
	exit := exitOK
	if f.Outcome == casefile.Valid {
		view.Statement, view.Public = zk.Statement(f.Key, f.Guest, f.Public).String(), "0x"+hex.EncodeToString(f.Public)
		view.Assumes = []string{"BN254 gives about 100 bits of security, not 128", "whoever made the key kept no secret of its setup"}
	} else {
		if exit = exitUsage; f.Outcome == casefile.Invalid {
			exit = exitRefuted
		}
		code := assay.CodeOf(f.Err)
		view.Error = &failure{Code: code, Text: plainly(f.Err.Error(), code), Hint: hintOf(code)}
	}
	if asJSON {
		writeJSON(cmd.OutOrStdout(), view)
	} else {
		printCase(cmd, &view)
	}
	if exit != exitOK {
		return &exitError{exit: exit, code: view.Error.Code, text: view.Error.Text, cause: silentIf(asJSON)}
	}
	return nil
}

// silentIf keeps the error off stderr when the object on stdout has it.
func silentIf(asJSON bool) error {
	if asJSON {
		return errSilent
	}
	return nil
}

func printCase(cmd *cobra.Command, v *caseView) {
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "%-10s %s %s\n", v.Answer, oneLine(v.System), oneLine(v.Release))
	if v.Key != "" {
		fmt.Fprintf(w, "  key        %s\n", v.Key)
	}
	if v.Statement != "" {
		fmt.Fprintf(w, "  statement  %s\n", v.Statement)
	}
	for _, a := range v.Assumes {
		fmt.Fprintf(w, "  assumes    %s\n", a)
	}
}

func newZKJudge() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "judge MANIFEST",
		Short: "judge every case of a folder, and every change that must have it refused",
		Long: `Reads a manifest, judges every case that it lists and every negative in those, and prints a
line for each: case, negative, expected, got, reason, with tabs between them; with --json,
an object for each, one per line.

Exit code 0: all as expected. 1: some are not. 2: the manifest is unusable.`,
		Args: exactArgs(1, "one MANIFEST"),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := readLimited(args[0], casefile.MaxFile)
			if err != nil {
				return err
			}
			m, err := casefile.ParseManifest(b)
			if err != nil {
				return err
			}
			dir := filepath.Dir(args[0])
			return printJudged(cmd, casefile.JudgeManifest(m, func(name string) ([]byte, error) {
				return readLimited(filepath.Join(dir, filepath.FromSlash(name)), casefile.MaxFile)
			}), asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object per line")
	return cmd
}

func printJudged(cmd *cobra.Command, lines []casefile.Line, asJSON bool) error {
	w, wrong := cmd.OutOrStdout(), 0
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, l := range lines {
		if !l.OK {
			wrong++
		}
		if asJSON {
			if err := enc.Encode(l); err != nil {
				return err
			}
			continue
		}
		negative := l.Negative
		if negative == "" {
			negative = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", oneLine(l.Case), oneLine(negative), oneLine(string(l.Expected)), l.Got, oneLine(l.Reason))
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%d judged, %d not as expected\n", len(lines), wrong)
	if wrong > 0 {
		return &exitError{exit: exitRefuted, code: codeJudged, text: "some cases are not as expected", cause: errSilent}
	}
	return nil
}

// oneLine keeps what a file says from breaking a line, or a terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}

func newZKKey() *cobra.Command {
	var asJSON bool
	var out string
	cmd := &cobra.Command{
		Use:   "key FILE",
		Short: "print a verifying key's digest, as policies and jobs name it",
		Long: `Reads a verifying key strictly, in any of the forms in which people have one: a case (as for
'zk verify'), snarkjs's verification_key.json, a Groth16 key file of gnark, or a key of assay.
--out writes it in assay's form, for registration on a network.`,
		Args: exactArgs(1, "one FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := readLimited(args[0], casefile.MaxFile)
			if err != nil {
				return err
			}
			v, err := casefile.ParseKey(b)
			if err != nil {
				return err
			}
			key := v.Key()
			if out != "" {
				if err := os.WriteFile(out, key.Bytes(), 0o644); err != nil {
					return badInput(codeFile, "%v", err)
				}
			}
			printVerifyingKey(cmd, v, &key, asJSON)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	cmd.Flags().StringVar(&out, "out", "", "write the key to `FILE`")
	cmd.AddCommand(newKeyRegister(), newKeyKill())
	return cmd
}

func printVerifyingKey(cmd *cobra.Command, v *zk.Verifier, key *zk.Key, asJSON bool) {
	selector := ""
	if zk.Runtime(key.System) == assay.RuntimeZKVM {
		s := v.Selector()
		selector = "0x" + hex.EncodeToString(s[:])
	}
	w := cmd.OutOrStdout()
	if asJSON {
		writeJSON(w, struct {
			Key      string `json:"key"`
			System   string `json:"system"`
			Release  string `json:"release,omitempty"`
			Scheme   string `json:"scheme"`
			Inputs   int    `json:"inputs"`
			Selector string `json:"selector,omitempty"`
		}{key.Digest().String(), key.System, key.Release, key.Scheme, v.Inputs(), selector})
		return
	}
	fmt.Fprintf(w, "%s\n", key.Digest())
	fmt.Fprintf(cmd.ErrOrStderr(), "%s %s  %s  %d public inputs  %s\n", key.System, key.Release, key.Scheme, v.Inputs(), selector)
}
