package merkle_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// vectors are those of testdata/vectors.json, written by testdata/vectors.py,
// which shares no code with this package.
type vectors struct {
	Version   int          `json:"version"`
	EmptyRoot canon.Digest `json:"empty_root"`
	Leaves    []struct {
		Data   string       `json:"data"`
		Digest canon.Digest `json:"digest"`
	} `json:"leaves"`
	Trees []struct {
		Leaves   int            `json:"leaves"`
		Root     canon.Digest   `json:"root"`
		LastPath []canon.Digest `json:"last_path"`
	} `json:"trees"`
	Files []struct {
		Size   int          `json:"size"`
		Digest canon.Digest `json:"digest"`
	} `json:"files"`
	Sum struct {
		Weights []uint64     `json:"weights"`
		Root    canon.Digest `json:"root"`
		Total   uint64       `json:"total"`
		LeafOf  []int        `json:"leaf_of"`
	} `json:"sum"`
	Folders []struct {
		Listing string       `json:"listing"`
		Digest  canon.Digest `json:"digest"`
	} `json:"folders"`
	Openings []struct {
		Name    string       `json:"name"`
		Expect  string       `json:"expect"` // part of the refusal; empty: accepted
		Root    canon.Digest `json:"root"`
		Number  uint64       `json:"number"`
		Opening string       `json:"opening"`
	} `json:"openings"`
}

func readVectors(t testing.TB) vectors {
	t.Helper()
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if v.Version != 1 {
		t.Fatalf("vectors of version %d", v.Version)
	}
	return v
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// pattern is the content of the files in the vectors.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7 % 251)
	}
	return b
}

func TestVectors(t *testing.T) {
	v := readVectors(t)
	if merkle.EmptyRoot() != v.EmptyRoot {
		t.Error("empty root differs")
	}
	for _, l := range v.Leaves {
		if merkle.HashLeaf(unhex(t, l.Data)) != l.Digest {
			t.Errorf("leaf of %d bytes differs", len(l.Data)/2)
		}
	}
	for _, tree := range v.Trees {
		leaves := make([]canon.Digest, tree.Leaves)
		for i := range leaves {
			leaves[i] = merkle.HashLeaf([]byte{byte(i)})
		}
		if merkle.Root(leaves) != tree.Root {
			t.Errorf("root over %d leaves differs", tree.Leaves)
		}
		if n := uint64(tree.Leaves); n > 0 {
			if err := merkle.VerifyPath(tree.Root, n, n-1, leaves[n-1], tree.LastPath); err != nil {
				t.Errorf("path of leaf %d: %v", n-1, err)
			}
		}
	}
	for _, f := range v.Files {
		if merkle.FileOf(pattern(f.Size)) != f.Digest {
			t.Errorf("digest of %d bytes differs", f.Size)
		}
	}
	for _, f := range v.Folders {
		entries, err := merkle.DecodeEntries(unhex(t, f.Listing))
		if err != nil {
			t.Errorf("listing: %v", err)
		}
		if hex.EncodeToString(merkle.EncodeEntries(entries)) != f.Listing || merkle.FolderDigest(entries) != f.Digest {
			t.Errorf("folder of %d entries differs", len(entries))
		}
	}
	leaves := make([]merkle.SumNode, len(v.Sum.Weights))
	for i, w := range v.Sum.Weights {
		leaves[i] = merkle.SumLeaf([]byte{byte(i)}, w)
	}
	if got := merkle.SumRoot(leaves); got.Digest != v.Sum.Root || got.Weight != v.Sum.Total {
		t.Errorf("sum root is %+v", got)
	}
	for number, want := range v.Sum.LeafOf {
		if i, _ := merkle.SumFind(leaves, uint64(number)); i != want {
			t.Errorf("number %d names leaf %d, want %d", number, i, want)
		}
	}
}

func TestOpeningVectors(t *testing.T) {
	for _, c := range readVectors(t).Openings {
		var o merkle.Opening
		if err := canon.Unmarshal(unhex(t, c.Opening), &o); err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		err := merkle.VerifyOpening(c.Root, c.Number, o)
		switch {
		case c.Expect == "" && err != nil:
			t.Errorf("%s: %v", c.Name, err)
		case c.Expect != "" && (err == nil || !strings.Contains(err.Error(), c.Expect)):
			t.Errorf("%s: error %v, want %q", c.Name, err, c.Expect)
		}
	}
}
