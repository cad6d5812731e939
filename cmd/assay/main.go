// Command assay runs jobs on machines that nobody trusts and returns results
// that nobody has to trust.
//
// What goes where: a program's stdout goes to stdout, byte for byte and only
// after its result was accepted; everything else (progress, verdict, costs, the
// program's stderr) goes to stderr. Under --json stdout holds exactly one
// object, also on failure. Every refusal carries a code of docs/CODES.md and a
// hint. Exit codes are listed in exit.go; `go run` turns each of them into 1, so
// scripts use a built binary.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// Main runs one command line and returns its exit code. Tests call it in place
// of a process.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// Whoever interrupts twice does not want to wait for our tidying up.
	context.AfterFunc(ctx, stop)

	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if ctx.Err() != nil && err != nil {
		err = interrupted(err)
	}
	return report(err, wantsJSON(args), stdout, stderr)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "assay",
		Short: "run jobs on machines nobody trusts, get results nobody has to trust",
		Long: `assay runs a program on machines that nobody trusts; a protocol decides whether the
answer is right, pays for it, and leaves a receipt that anyone checks offline.

Start with:   assay run ./examples/wordfreq --in LICENSE
Then check:   assay verify wordfreq.receipt --trust wordfreq.receipt.anchor`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noSuchCommand,
		RunE:          help,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%v; see `%s --help`", err, cmd.CommandPath())
	})
	root.AddCommand(
		newRun(), newVerify(), newCheck(), newTrace(), newDev(), newProvider(), newChallenger(), newValidator(),
		newJob(), newDispute(), newAccount(), newKey(), newZK(), newCodes(),
	)
	return root
}

// group is a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: noSuchCommand, RunE: help}
	cmd.AddCommand(commands...)
	return cmd
}

func help(cmd *cobra.Command, _ []string) error { return cmd.Help() }

func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("%s has no command %q; see `%s --help`", cmd.CommandPath(), args[0], cmd.CommandPath())
	}
	return nil
}

// exactArgs is cobra.ExactArgs with our exit code.
func exactArgs(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usage("%s takes %s; got %d arguments", cmd.CommandPath(), what, len(args))
		}
		return nil
	}
}

// wantsJSON looks for the flag itself: a command line that does not parse still
// has to answer in the form that was asked for.
func wantsJSON(args []string) bool {
	for _, a := range args {
		switch a {
		case "--":
			return false
		case "--json", "--json=true":
			return true
		}
	}
	return false
}

var errSilent = errors.New("already reported")
