package main

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/ledger"
	"github.com/capacloud/assay/node"
)

// Files of a validator's folder.
const (
	genesisFile   = "genesis"
	anchorFile    = "anchor"
	consensusFile = "consensus.key"
	beaconFile    = "beacon.key"
	accountFile   = "account.key"
	chainDir      = "chain"
	blobsDir      = "blobs"
)

func newValidator() *cobra.Command {
	var o validatorOptions
	cmd := &cobra.Command{
		Use:   "validator",
		Short: "order a network's transactions and serve its API",
		Long: `Runs the validator whose genesis and keys lie in --dir, as written by ` + "`assay validator init`" + `.
It can be killed at any moment: what it has acknowledged is on disk.`,
		Args: exactArgs(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&o.dir, "dir", "", "the validator's folder")
	f.StringVar(&o.listen, "listen", "127.0.0.1:0", "host:port of the API; a wider host than loopback is your choice")
	f.StringVar(&o.p2p, "p2p", "", "host:port for other validators (default: none)")
	f.StringArrayVar(&o.peers, "peer", nil, "another validator, id@host:port; repeatable")
	f.BoolVar(&o.json, "json", false, "print one JSON object when ready")
	f.BoolVar(&o.verbose, "verbose", false, "log every step")
	cmd.AddCommand(newValidatorInit())
	return cmd
}

type validatorOptions struct {
	dir, listen, p2p string
	peers            []string
	json, verbose    bool
}

func (o *validatorOptions) run(cmd *cobra.Command) error {
	if o.dir == "" {
		return usage("--dir is needed; `assay validator init --dir D` makes one")
	}
	b, err := readLimited(filepath.Join(o.dir, genesisFile), canon.MaxBytes)
	if err != nil {
		return err
	}
	var g assay.Genesis
	if err := canon.Unmarshal(b, &g); err != nil {
		return badInput(assay.CodeGenesis, "%v", err)
	}
	var keys [3]ed25519.PrivateKey
	for i, name := range []string{consensusFile, beaconFile, accountFile} {
		if keys[i], err = loadKey(filepath.Join(o.dir, name), askPassphrase(cmd.ErrOrStderr())); err != nil {
			return err
		}
	}
	blobs, err := openStore(o.dir, blobsDir)
	if err != nil {
		return err
	}
	defer end(blobs)
	ln, err := listenOn(o.listen)
	if err != nil {
		return err
	}
	u := newUI(cmd.ErrOrStderr())
	u.line("validator", "%s, network %s", g.Name, g.ID())
	ready := func() {
		u.line("url", "%s", node.URLOf(ln))
		if o.json {
			writeJSON(cmd.OutOrStdout(), struct {
				URL     string          `json:"url"`
				Network assay.NetworkID `json:"network"`
			}{node.URLOf(ln), g.ID()})
		}
	}
	return node.RunValidator(cmd.Context(), node.ValidatorConfig{
		Genesis: &g, Consensus: keys[0], Beacon: keys[1], Account: keys[2],
		Home: filepath.Join(o.dir, chainDir), Blobs: blobs, Listener: ln,
		P2P: o.p2p, Peers: o.peers, Logger: logger(cmd, o.verbose), Ready: ready,
	})
}

func newValidatorInit() *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:   "init",
		Short: "write the genesis, keys and anchor of a new network with one validator",
		Args:  exactArgs(0, "no arguments"),
		RunE:  func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&o.dir, "dir", "", "folder to write; it must not hold a validator yet")
	f.StringVar(&o.name, "name", "assay", "the network's name")
	f.StringVar(&o.kind, "kind", string(assay.Public), "public, or dev for a network with a faucet and short clocks")
	f.DurationVar(&o.liability, "liability", -1, "how long a settled result stays open to a fraud proof (default: 24h, on dev networks 0)")
	f.StringArrayVar(&o.alloc, "alloc", nil, "KEY=AMOUNT at genesis, in micro-credits; repeatable")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	return cmd
}

type initOptions struct {
	dir, name, kind string
	alloc           []string
	liability       time.Duration
	json            bool
}

// validatorFunds pays a validator's own transactions until fees come in.
const validatorFunds = 100_000_000

func (o *initOptions) run(cmd *cobra.Command) error {
	if o.dir == "" {
		return usage("--dir is needed")
	}
	if _, err := os.Stat(filepath.Join(o.dir, genesisFile)); err == nil {
		return badInput(codeKeyExists, "%s holds a validator already", o.dir)
	}
	var keys [3]ed25519.PrivateKey
	for i, name := range []string{consensusFile, beaconFile, accountFile} {
		key, err := generateKey()
		if err != nil {
			return err
		}
		if err := saveKey(filepath.Join(o.dir, name), key, ""); err != nil {
			return err
		}
		keys[i] = key
	}
	g, err := o.genesis(keys)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(o.dir, genesisFile), canon.Marshal(g), 0o644); err != nil {
		return badInput(codeFile, "%v", err)
	}
	anchor := filepath.Join(o.dir, anchorFile)
	if err := writeAnchor(g, anchor); err != nil {
		return err
	}
	if o.json {
		writeJSON(cmd.OutOrStdout(), struct {
			Network assay.NetworkID `json:"network"`
			Anchor  string          `json:"anchor"`
		}{g.ID(), anchor})
		return nil
	}
	u := newUI(cmd.ErrOrStderr())
	u.line("network", "%s %s", g.Name, g.ID())
	u.line("anchor", "%s: give it to whoever shall trust this network's receipts", anchor)
	u.line("", "start:    assay validator --dir %s", o.dir)
	return nil
}

func (o *initOptions) genesis(keys [3]ed25519.PrivateKey) (*assay.Genesis, error) {
	g := &assay.Genesis{
		Version: 1, Name: o.name, Kind: assay.NetworkKind(o.kind), Time: node.Now(), Rules: ledger.RulesVersion(), Params: assay.DefaultParams(),
		Validators: []assay.Validator{{
			Name: "validator", Consensus: assay.KeyOf(keys[0]), Beacon: assay.KeyOf(keys[1]), Account: assay.KeyOf(keys[2]), Power: 1,
		}},
		Accounts: []assay.Allocation{{Account: assay.KeyOf(keys[2]), Amount: validatorFunds}},
	}
	switch g.Kind {
	case assay.Public:
	case assay.Dev:
		g.Params = assay.LocalParams()
	default:
		return nil, usage("--kind %s: public or dev", o.kind)
	}
	if o.liability >= 0 {
		g.Params.Liability = assay.MillisOf(o.liability)
	}
	for _, text := range o.alloc {
		name, amount, _ := strings.Cut(text, "=")
		key, err := assay.ParseKey(name)
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseUint(amount, 10, 64)
		if err != nil {
			return nil, usage("--alloc %s: want KEY=AMOUNT", text)
		}
		g.Accounts = append(g.Accounts, assay.Allocation{Account: key, Amount: assay.Amount(n)})
	}
	slices.SortFunc(g.Accounts, func(a, b assay.Allocation) int { return bytes.Compare(a.Account[:], b.Account[:]) })
	return g, g.Validate()
}
