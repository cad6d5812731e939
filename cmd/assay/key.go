package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/capacloud/assay"
)

func newKey() *cobra.Command {
	return group("key", "make and show keys", newKeyNew(), newKeyShow())
}

func newKeyNew() *cobra.Command {
	var asJSON, machine bool
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "make a key and print its public half",
		Long: `Makes an Ed25519 key and stores it under NAME (or in the file NAME when it contains a
slash), encrypted with a passphrase. --machine stores it in clear in a file that only
you can read, for processes that start without a person. The secret is never printed.`,
		Args: exactArgs(1, "one NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := keyPath(args[0])
			if err != nil {
				return err
			}
			passphrase := ""
			if !machine {
				if passphrase, err = askPassphrase(cmd.ErrOrStderr())(); err != nil {
					return err
				}
				if passphrase == "" {
					return badInput(codePassphrase, "the passphrase is empty; --machine stores a key in clear")
				}
			}
			key, err := generateKey()
			if err != nil {
				return err
			}
			if err := saveKey(file, key, passphrase); err != nil {
				return err
			}
			return printKey(cmd, assay.KeyOf(key), file, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	cmd.Flags().BoolVar(&machine, "machine", false, "no passphrase; the file is readable by its owner alone")
	return cmd
}

func newKeyShow() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "print the public half of a key",
		Args:  exactArgs(1, "one NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := keyPath(args[0])
			if err != nil {
				return err
			}
			key, err := loadKey(file, askPassphrase(cmd.ErrOrStderr()))
			if err != nil {
				return err
			}
			return printKey(cmd, assay.KeyOf(key), file, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func printKey(cmd *cobra.Command, key assay.Key, file string, asJSON bool) error {
	if asJSON {
		writeJSON(cmd.OutOrStdout(), struct {
			Key  assay.Key `json:"key"`
			File string    `json:"file"`
		}{key, file})
		return nil
	}
	fmt.Fprintln(cmd.OutOrStdout(), key)
	return nil
}

func generateKey() (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	return key, nil
}
