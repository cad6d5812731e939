package receipt

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestBuildsForBrowsers builds the verifier and every check that it calls for
// js/wasm: a receipt can be checked where it is shown.
func TestBuildsForBrowsers(t *testing.T) {
	if testing.Short() {
		t.Skip("builds for another platform")
	}
	const module = "github.com/capacloud/assay/"
	cmd := exec.Command("go", "build", module+"receipt", module+"board", module+"quorum", module+"policy", module+"beacon")
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// TestVerifierIsSmall keeps the verifier's imports to what doc.go promises: no
// CometBFT, no protobuf, no network.
func TestVerifierIsSmall(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", ".")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, pkg := range strings.Fields(string(out)) {
		for _, banned := range []string{"github.com/cometbft/", "github.com/cosmos/", "google.golang.org/", "github.com/capacloud/assay/ledger", "net/http"} {
			if strings.HasPrefix(pkg, banned) {
				t.Errorf("the verifier imports %s", pkg)
			}
		}
	}
}
