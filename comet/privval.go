package comet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	cmted "github.com/cometbft/cometbft/crypto/ed25519"
	cmtjson "github.com/cometbft/cometbft/libs/json"
	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/types"
)

// signer returns what signs votes. On disk it remembers the last vote, synced
// before the signature leaves, so that a restarted validator does not sign two
// blocks of one height.
func signer(c *Config) (types.PrivValidator, error) {
	key := cmted.PrivKey(c.Consensus)
	if c.Home == "" {
		return types.NewMockPVWithParams(key, false, false), nil // signs, and forgets
	}
	path := c.path("signed.json")
	pv := privval.NewFilePV(key, "", path)
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		pv.LastSignState.Save()
		return pv, nil
	case err != nil:
		return nil, fmt.Errorf("read last vote: %w", err)
	}
	if err := cmtjson.Unmarshal(b, &pv.LastSignState); err != nil {
		return nil, fmt.Errorf("read last vote in %s: %w", path, err)
	}
	return pv, nil
}
