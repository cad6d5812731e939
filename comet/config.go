package comet

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	cmtconfig "github.com/cometbft/cometbft/config"
	cmted "github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/types"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/ledger"
)

// Profile sets consensus timeouts by how far the validators are apart.
type Profile string

// The profiles. All of them make a block as soon as there is something in it.
const (
	Local Profile = ""    // one validator
	LAN   Profile = "lan" // validators within milliseconds
	WAN   Profile = "wan"
)

// Config is what a node needs to start.
type Config struct {
	Genesis *assay.Genesis

	Consensus ed25519.PrivateKey // signs blocks; a validator's of the genesis, else the node only follows
	Beacon    ed25519.PrivateKey // a validator's VRF key
	Account   ed25519.PrivateKey // signs ticks; nil: the node sends none

	// Home is a directory for blocks, state and signatures. Empty: everything
	// stays in memory and is lost with Stop, for in-process networks.
	Home string

	// Listen is the host:port for other validators. Empty: the node opens no
	// socket at all. Peers are "id@host:port", see PeerID. Both need a Home.
	Listen string
	Peers  []string

	Profile Profile
	Now     func() assay.Time // nil: the machine's clock
	Logger  *slog.Logger      // nil: silent
}

// PeerID returns the name of a node among its peers. It follows from the
// consensus key, and the key behind it is a different one.
func PeerID(consensus ed25519.PrivateKey) string { return string(peerKey(consensus).ID()) }

func peerKey(consensus ed25519.PrivateKey) *p2p.NodeKey {
	seed := canon.Hash("assay/peer-key/1", consensus.Seed())
	return &p2p.NodeKey{PrivKey: cmted.PrivKey(ed25519.NewKeyFromSeed(seed[:]))}
}

// withDefaults returns a checked copy.
func (c Config) withDefaults() (*Config, error) {
	if c.Now == nil {
		c.Now = func() assay.Time { return assay.Time(time.Now().UnixMilli()) }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case c.Genesis == nil:
		return nil, assay.Refuse(CodeConfig, "no genesis")
	case len(c.Consensus) != ed25519.PrivateKeySize:
		return nil, assay.Refuse(CodeConfig, "no consensus key")
	case c.Home == "" && (c.Listen != "" || len(c.Peers) > 0):
		return nil, assay.Refuse(CodeConfig, "a node with peers needs a home directory: it must not forget what it signed")
	case c.Listen == "" && len(c.Peers) > 0:
		return nil, assay.Refuse(CodeConfig, "a node with peers needs an address to listen on")
	case c.Profile != Local && c.Profile != LAN && c.Profile != WAN:
		return nil, assay.Refuse(CodeConfig, "profile %q", c.Profile)
	}
	if err := c.Genesis.Validate(); err != nil {
		return nil, err
	}
	if have := ledger.RulesVersion(); have != c.Genesis.Rules {
		return nil, assay.Refuse(CodeRules, "this program's rules are %s, the genesis wants %s", have.Short(), c.Genesis.Rules.Short())
	}
	// The Go release is part of the rules version; its behaviour switches are
	// not, and an in-process network has nobody to disagree with.
	if set := os.Getenv("GODEBUG"); set != "" && c.Genesis.Kind != assay.InProcess {
		return nil, assay.Refuse(CodeRules, "GODEBUG is set to %q; it changes what the standard library accepts", set)
	}
	return &c, c.checkKeys()
}

// checkKeys refuses a validator with a part of its keys, which would stop the
// chain at its first turn to propose.
func (c *Config) checkKeys() error {
	for _, v := range c.Genesis.Validators {
		if v.Consensus != assay.KeyOf(c.Consensus) {
			continue
		}
		if len(c.Beacon) != ed25519.PrivateKeySize || assay.KeyOf(c.Beacon) != v.Beacon {
			return assay.Refuse(CodeConfig, "the beacon key is not that of validator %s", v.Name)
		}
		return nil
	}
	if c.Listen == "" {
		return assay.Refuse(CodeConfig, "the consensus key is no validator's, and there are no peers to follow")
	}
	return nil
}

// genesisDoc is the genesis in CometBFT's terms.
func genesisDoc(g *assay.Genesis) *types.GenesisDoc {
	params := types.DefaultConsensusParams()
	// Room for the largest transaction and the time message, and no more than
	// peers exchange in a moment.
	params.Block.MaxBytes = int64(max(4<<20, 2*g.Params.MaxTxBytes))
	params.Block.MaxGas = int64(g.Params.BlockGas)
	params.Version.App = appVersion(g)
	doc := &types.GenesisDoc{
		GenesisTime:     time.UnixMilli(int64(g.Time)).UTC(),
		ChainID:         g.ChainID(),
		InitialHeight:   1,
		ConsensusParams: params,
	}
	for _, v := range g.Validators {
		key := cmted.PubKey(v.Consensus[:])
		doc.Validators = append(doc.Validators, types.GenesisValidator{Address: key.Address(), PubKey: key, Power: int64(v.Power), Name: v.Name})
	}
	return doc
}

// cometConfig is everything that CometBFT reads from its own file elsewhere.
func (c *Config) cometConfig() *cmtconfig.Config {
	cfg := cmtconfig.DefaultConfig()
	cfg.SetRoot(c.Home)
	cfg.RPC.ListenAddress, cfg.RPC.GRPCListenAddress = "", ""
	cfg.Instrumentation.Prometheus = false
	cfg.TxIndex.Indexer = "null" // the node keeps its own, see Node.Status
	cfg.Storage.DiscardABCIResponses = false

	cfg.P2P.ListenAddress = "tcp://127.0.0.1:0"
	if c.Listen != "" {
		cfg.P2P.ListenAddress = "tcp://" + c.Listen
	}
	cfg.P2P.PersistentPeers = strings.Join(c.Peers, ",")
	cfg.P2P.PexReactor = false // validators know one another; strangers use the API
	cfg.P2P.AddrBookStrict = false
	cfg.P2P.AllowDuplicateIP = true
	cfg.P2P.FlushThrottleTimeout = time.Millisecond

	cfg.Mempool.Size = 20_000
	cfg.Mempool.CacheSize = 40_000
	cfg.Mempool.MaxTxBytes = int(c.Genesis.Params.MaxTxBytes)
	cfg.Mempool.MaxTxsBytes = 256 << 20
	cfg.Mempool.Broadcast = c.Listen != ""
	c.Profile.apply(cfg.Consensus)
	return cfg
}

// apply sets the timeouts. None of them waits after a commit: blocks follow
// transactions, and an idle chain makes none.
func (p Profile) apply(c *cmtconfig.ConsensusConfig) {
	c.CreateEmptyBlocks = false
	c.TimeoutCommit, c.SkipTimeoutCommit = 0, true
	switch p {
	case Local:
		c.TimeoutPropose, c.TimeoutPrevote, c.TimeoutPrecommit = time.Second, 200*time.Millisecond, 200*time.Millisecond
	case LAN:
		c.PeerGossipSleepDuration = 10 * time.Millisecond
		c.TimeoutPropose, c.TimeoutPrevote, c.TimeoutPrecommit = 500*time.Millisecond, 200*time.Millisecond, 200*time.Millisecond
	case WAN:
		c.PeerGossipSleepDuration = 50 * time.Millisecond
	}
}

func (c *Config) path(name string) string { return filepath.Join(c.Home, name) }

// addressOf returns CometBFT's name of a consensus key.
func addressOf(k assay.Key) []byte {
	sum := sha256.Sum256(k[:])
	return sum[:20]
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }
