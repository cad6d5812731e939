package casefile

import (
	"strings"

	"github.com/capacloud/assay"
)

// release is what is published of a version of a zkVM: enough to notice a file
// that names one version and holds the key of another. Nothing is accepted
// because it stands here.
type release struct {
	system  string
	version string // a prefix
	hash    string // hex; of the key file, or of the verifier's parameters, as far as known
	root    string // hex; sp1's vk_root
}

var releases = []release{
	{"sp1-groth16", "v4.0.0-rc.3", "11b6a09d63d255ad425ee3a7f6211d5ec63fbde9805b40551c3136275b6f4eb4", ""},
	{"sp1-groth16", "v5.0.0", "a4594c59bbc142f3b81c3ecb7f50a7c34bc9af7c4c444b5d48b795427e285913", ""},
	{"sp1-groth16", "v6.0.0", "0e78f4db7a6771a3a6a7d9c3b0de6fe73d58781368967a7fe84d87aefffec896", "008cd56e10c2fe24795cff1e1d1f40d3a324528d315674da45d26afb376e8670"},
	{"sp1-groth16", "v6.1.0", "4388a21c687fdd5f218d7e3d13190cac4c5355818d3605fd5fb811df468ee696", "002f850ee998974d6cc00e50cd0814b098c05bfade466d28573240d057f25352"},
	{"sp1-plonk", "v4.0.0-rc.3", "1b34fe11", ""},
	{"risc0-groth16", "3.0", "73c457ba541936f0d907daf0c7253a39a9c5c427c225ba7709e44702d3c6eedc", ""},
	{"risc0-groth16", "5.0", "c27d1bc0", ""},
}

// checkRelease refuses a hash or root that is known to belong to another version
// than the file names, and a known version with another hash or root. Both ways
// round: otherwise an unknown name would hide a known key.
func checkRelease(system, version string, hash, root [32]byte) error {
	for _, k := range releases {
		if k.system != system {
			continue
		}
		named := version == k.version || strings.HasPrefix(version, k.version+".")
		if named != k.matches(hash) {
			return assay.Refuse(CodeRelease, "the file says %.40q; its key is %sthat of %s", version, map[bool]string{true: "not "}[named], k.version)
		}
		if named && k.root != "" && hexOf(root) != k.root {
			return assay.Refuse(CodeRelease, "vk_root is not that of %s", k.version)
		}
	}
	return nil
}

// matches compares as much of a hash as both sides know: a selector at least.
func (k *release) matches(hash [32]byte) bool {
	text := hexOf(hash)
	if strings.Trim(text[8:], "0") == "" {
		return text[:8] == k.hash[:8]
	}
	return strings.HasPrefix(text, k.hash)
}
