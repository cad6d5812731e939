package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/api"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/comet"
	"github.com/capacloud/assay/node"
)

// dialWait is how long a command waits for a network's first answer.
const dialWait = 10 * time.Second

// defaultKey is the key of whoever names none, on networks with a faucet.
const defaultKey = "default"

// dial reaches a network.
func dial(ctx context.Context, url string) (*api.Client, error) {
	if url == "" {
		return nil, usage("--network URL is needed; `assay dev` starts a network and prints its URL")
	}
	ctx, cancel := context.WithTimeout(ctx, dialWait)
	defer cancel()
	c, err := api.Dial(ctx, url, assay.NetworkID{})
	if err != nil {
		return nil, networkError(err)
	}
	return c, nil
}

// networkError gives the exit code 4 to what a network's absence causes.
func networkError(err error) error {
	if node.Passing(err) {
		return unreachable(err)
	}
	return err
}

// submitWait is how long a command that sends one transaction waits for the
// block that holds it.
const submitWait = time.Minute

// submit sends one transaction and waits for its block.
func submit(ctx context.Context, n node.Network, key ed25519.PrivateKey, messages ...assay.Message) (comet.TxResult, error) {
	ctx, cancel := context.WithTimeout(ctx, submitWait)
	defer cancel()
	w := node.Wallet{Network: n, Key: key}
	res, err := w.Submit(ctx, messages...)
	return res, networkError(err)
}

// openKey loads a key by name. On a network with a faucet the default key is
// made when it is missing, and filled when it is empty.
func openKey(ctx context.Context, cmd *cobra.Command, n node.Network, name string) (ed25519.PrivateKey, error) {
	faucet := n.Genesis().Params.FaucetLimit
	implicit := name == ""
	if implicit {
		name = defaultKey
	}
	file, err := keyPath(name)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(file); implicit && faucet > 0 && errors.Is(err, fs.ErrNotExist) {
		if err := ensureKey(file); err != nil {
			return nil, err
		}
	}
	key, err := loadKey(file, askPassphrase(cmd.ErrOrStderr()))
	if err != nil {
		return nil, err
	}
	return key, fill(ctx, n, key, 0)
}

// fill asks the faucet when a key has less than least, or nothing at all.
func fill(ctx context.Context, n node.Network, key ed25519.PrivateKey, least assay.Amount) error {
	limit := n.Genesis().Params.FaucetLimit
	if limit == 0 {
		return nil
	}
	have, err := n.Account(ctx, assay.KeyOf(key))
	if err != nil {
		return networkError(err)
	}
	if have.Balance > least {
		return nil
	}
	_, err = submit(ctx, n, key, &assay.Faucet{To: assay.KeyOf(key), Amount: min(limit, max(2*least, faucetPortion))})
	return err
}

// faucetPortion is what a newcomer asks for.
const faucetPortion = 1_000_000_000

// connectURL reaches the network behind --network.
func (o *runOptions) connectURL(cmd *cobra.Command, u *ui) (*session, error) {
	ctx := cmd.Context()
	s := u.start("network", "asking %s", o.network)
	client, err := dial(ctx, o.network)
	if err != nil {
		s.close()
		return nil, err
	}
	g := client.Genesis()
	s.end("%s: %s, %s, %s", o.network, g.Name, plural(len(g.Validators), "validator"), g.ID().Short())
	key, err := openKey(ctx, cmd, client, o.key)
	if err != nil {
		return nil, err
	}
	remote, err := blob.NewClient(blob.ClientConfig{Base: o.network})
	if err != nil {
		return nil, err
	}
	store, err := openLocalStore()
	if err != nil { // read-only HOME
		if store, err = blob.OpenMemory(blob.Config{}); err != nil {
			return nil, err
		}
	}
	net := &session{network: client, key: key, store: store, remote: remote, closer: []func(){func() { end(store) }}}
	net.upload = func(ctx context.Context, job *assay.Job) error {
		files, err := node.FilesOf(ctx, store, job)
		if err != nil {
			return err
		}
		for _, d := range files {
			if err := remote.Push(ctx, store, d.Digest); err != nil {
				return err
			}
		}
		return nil
	}
	return net, nil
}
