package merkle_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
	"pgregory.net/rapid"
)

func numbered(n int) []canon.Digest {
	leaves := make([]canon.Digest, n)
	for i := range leaves {
		leaves[i] = merkle.HashLeaf(binary.LittleEndian.AppendUint32(nil, uint32(i)))
	}
	return leaves
}

// naiveRoot builds level by level from below; an odd last node moves up.
func naiveRoot(level []canon.Digest) canon.Digest {
	if len(level) == 0 {
		return merkle.EmptyRoot()
	}
	for len(level) > 1 {
		var up []canon.Digest
		for pair := range slices.Chunk(level, 2) {
			if len(pair) == 2 {
				up = append(up, merkle.HashNode(pair[0], pair[1]))
			} else {
				up = append(up, pair[0])
			}
		}
		level = up
	}
	return level[0]
}

func TestRootAndPaths(t *testing.T) {
	for n := range 70 {
		leaves := numbered(n)
		root := merkle.Root(leaves)
		if root != naiveRoot(leaves) {
			t.Fatalf("root over %d leaves differs from the naive one", n)
		}
		for i := range leaves {
			path := merkle.Prove(leaves, uint64(i))
			if err := merkle.VerifyPath(root, uint64(n), uint64(i), leaves[i], path); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestPathsDoNotBend(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(1, 200).Draw(t, "leaves")
		i := rapid.Uint64Range(0, n-1).Draw(t, "i")
		leaves := numbered(int(n))
		root, leaf, path := merkle.Root(leaves), leaves[i], merkle.Prove(leaves, i)
		m, j := n, i
		switch rapid.IntRange(0, 7).Draw(t, "bend") {
		case 0:
			j = rapid.Uint64().Filter(func(j uint64) bool { return j != i }).Draw(t, "index")
		case 1:
			leaf[rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1
		case 2:
			root[rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1
		case 3:
			path = append(path, merkle.EmptyRoot())
		case 4:
			if len(path) == 0 {
				return
			}
			path = path[:len(path)-1]
		case 5:
			if len(path) == 0 {
				return
			}
			path[rapid.IntRange(0, len(path)-1).Draw(t, "sibling")][0] ^= 1
		case 6: // an inner node passed off as a leaf of a smaller tree
			if len(path) == 0 {
				return
			}
			leaf, path, m, j = merkle.HashNode(leaf, path[0]), path[1:], (n+1)/2, i/2
			if i%2 == 1 || merkle.VerifyPath(root, m, j, leaf, path) == nil {
				// Paths speak of hashes, so this one may hold: what keeps the
				// trees apart is that no data hashes to a node.
				return
			}
		case 7:
			m, j = 0, 0
		}
		if err := merkle.VerifyPath(root, m, j, leaf, path); !errors.Is(err, merkle.ErrPath) {
			t.Fatalf("leaf %d of %d, as %d of %d: %v", i, n, j, m, err)
		}
	})
}

// TestFileTree writes in random pieces and compares with leaves cut by hand.
func TestFileTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := pattern(rapid.IntRange(0, 5*merkle.LeafSize).Draw(t, "size"))
		var tree merkle.FileTree
		for rest := b; len(rest) > 0; {
			k := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			tree.Write(rest[:k])
			rest = rest[k:]
		}
		var leaves []canon.Digest
		for leaf := range slices.Chunk(b, merkle.LeafSize) {
			leaves = append(leaves, merkle.HashLeaf(leaf))
		}
		if !slices.Equal(tree.Leaves(), leaves) || tree.Size() != uint64(len(b)) || merkle.LeafCount(tree.Size()) != uint64(len(leaves)) {
			t.Fatal("leaves differ")
		}
		if tree.Digest() != merkle.FileDigest(uint64(len(b)), naiveRoot(leaves)) || tree.Digest() != merkle.FileOf(b) {
			t.Fatal("digest differs")
		}
	})
}

// TestFileTreeGoesOn takes the digest in the middle: that must not disturb
// what is written after.
func TestFileTreeGoesOn(t *testing.T) {
	b := pattern(3000)
	var tree merkle.FileTree
	for i := range b {
		tree.Write(b[i : i+1])
		if i%500 == 0 && tree.Digest() != merkle.FileOf(b[:i+1]) {
			t.Fatalf("digest after %d bytes differs", i+1)
		}
	}
	if tree.Digest() != merkle.FileOf(b) {
		t.Error("digest differs")
	}
}

// TestChunksFold holds ChunksRoot to the root over all leaves.
func TestChunksFold(t *testing.T) {
	const chunk = merkle.ChunkSize / merkle.LeafSize
	for _, n := range []int{0, 1, chunk - 1, chunk, chunk + 1, 2*chunk - 1, 2 * chunk, 2*chunk + 1, 3 * chunk, 5*chunk + 7, 8 * chunk, 9*chunk + 1023} {
		leaves := numbered(n)
		var roots []canon.Digest
		for c := range slices.Chunk(leaves, chunk) {
			roots = append(roots, merkle.Root(c))
		}
		if merkle.ChunksRoot(roots) != merkle.Root(leaves) {
			t.Errorf("%d leaves: chunks fold to another root", n)
		}
	}
	var tree merkle.FileTree
	b := pattern(merkle.ChunkSize + 1)
	tree.Write(b)
	if merkle.FileDigest(tree.Size(), merkle.ChunksRoot(tree.Chunks())) != merkle.FileOf(b) {
		t.Error("chunks of a file tree fold to another digest")
	}
}

// TestKindsAreApart: one value, hashed in each role, is never the same.
func TestKindsAreApart(t *testing.T) {
	data := make([]byte, 64)
	seen := map[canon.Digest]string{}
	for name, d := range map[string]canon.Digest{
		"leaf": merkle.HashLeaf(data), "node": merkle.HashNode(canon.Digest{}, canon.Digest{}), "empty": merkle.EmptyRoot(),
		"file": merkle.FileDigest(0, merkle.EmptyRoot()), "folder": merkle.FolderDigest(nil), "sum leaf": merkle.SumLeaf(data, 0).Digest,
		"sum node": merkle.SumRoot(make([]merkle.SumNode, 2)).Digest,
	} {
		if other, twice := seen[d]; twice {
			t.Errorf("%s and %s collide", name, other)
		}
		seen[d] = name
	}
	// Zero bytes at the end are part of the leaf, although it is padded.
	if merkle.HashLeaf([]byte{1}) == merkle.HashLeaf([]byte{1, 0}) {
		t.Error("a leaf and its zero-padded twin collide")
	}
}

func TestSumTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.Uint64Range(0, 5), 1, 40).Draw(t, "weights")
		leaves := make([]merkle.SumNode, len(weights))
		var total uint64
		for i, w := range weights {
			leaves[i] = merkle.SumLeaf([]byte{byte(i)}, w)
			total += w
		}
		root := merkle.SumRoot(leaves)
		if root.Weight != total {
			t.Fatalf("total %d, want %d", root.Weight, total)
		}
		if total == 0 {
			return
		}
		number := rapid.Uint64Range(0, total-1).Draw(t, "number")
		want, before := 0, uint64(0) // by a plain scan
		for ; before+weights[want] <= number; want++ {
			before += weights[want]
		}
		got, path := merkle.SumFind(leaves, number)
		if got != want {
			t.Fatalf("number %d names leaf %d, want %d", number, got, want)
		}
		if err := merkle.VerifySum(root, number, leaves[got], path); err != nil {
			t.Fatal(err)
		}
		for other := range total + 3 { // the path speaks for the numbers of its leaf alone
			ok := other >= before && other-before < weights[want]
			if err := merkle.VerifySum(root, other, leaves[got], path); (err == nil) != ok {
				t.Fatalf("number %d on the path of %d: %v", other, number, err)
			}
		}
		if len(path) > 0 {
			k := rapid.IntRange(0, len(path)-1).Draw(t, "step")
			for _, bent := range []func(*merkle.SumStep){
				func(s *merkle.SumStep) { s.Left = !s.Left },
				func(s *merkle.SumStep) { s.Sibling.Weight++ },
				func(s *merkle.SumStep) { s.Sibling.Weight = -s.Sibling.Weight - 1 },
				func(s *merkle.SumStep) { s.Sibling.Digest[3] ^= 1 },
			} {
				steps := slices.Clone(path)
				bent(&steps[k])
				if err := merkle.VerifySum(root, number, leaves[got], steps); !errors.Is(err, merkle.ErrSum) {
					t.Fatalf("bent path: %v", err)
				}
			}
		}
	})
}

func TestSumOverflow(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("weights that overflow have a root")
		}
	}()
	big := merkle.SumLeaf(nil, 1<<63)
	merkle.SumRoot([]merkle.SumNode{big, big})
}

func TestCheckEntries(t *testing.T) {
	e := func(name string, size uint64) merkle.Entry {
		return merkle.Entry{Name: name, Kind: merkle.File, Size: size}
	}
	many := make([]merkle.Entry, merkle.MaxEntries+1)
	long := string(bytes.Repeat([]byte("x"), merkle.MaxNameBytes))
	for name, c := range map[string]struct {
		entries []merkle.Entry
		ok      bool
	}{
		"none":        {nil, true},
		"sorted":      {[]merkle.Entry{e("A", 1), e("a", 2), e("ä", 3), e("…", 0), e(long, 0)}, false},
		"bytewise":    {[]merkle.Entry{e("A", 1), e("a", 2), e("b", 3), e(long, 0), e("ä", 3), e("…", 0)}, true},
		"twice":       {[]merkle.Entry{e("a", 1), e("a", 2)}, false},
		"unsorted":    {[]merkle.Entry{e("b", 1), e("a", 2)}, false},
		"unnamed":     {[]merkle.Entry{e("", 1)}, false},
		"dot":         {[]merkle.Entry{e(".", 1)}, false},
		"dot dot":     {[]merkle.Entry{e("..", 1)}, false},
		"three dots":  {[]merkle.Entry{e("...", 1)}, true},
		"slash":       {[]merkle.Entry{e("a/b", 1)}, false},
		"zero byte":   {[]merkle.Entry{e("a\x00", 1)}, false},
		"not UTF-8":   {[]merkle.Entry{e("\xc3", 1)}, false},
		"too long":    {[]merkle.Entry{e(long+"x", 1)}, false},
		"no kind":     {[]merkle.Entry{{Name: "a"}}, false},
		"third kind":  {[]merkle.Entry{{Name: "a", Kind: 3}}, false},
		"overflow":    {[]merkle.Entry{e("a", 1<<63), e("b", 1<<63)}, false},
		"no overflow": {[]merkle.Entry{e("a", 1<<63), e("b", 1<<63-1)}, true},
		"too many":    {many, false},
	} {
		err := merkle.CheckEntries(c.entries)
		if (err == nil) != c.ok || (err != nil && !errors.Is(err, merkle.ErrFolder)) {
			t.Errorf("%s: %v", name, err)
		}
		if len(c.entries) > 0 {
			_ = merkle.FolderDigest(c.entries) // must not panic, whatever they are
		}
	}
}

// TestAcceptedFoldersCanBeRead: what CheckEntries accepts survives encoding.
func TestAcceptedFoldersCanBeRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := rapid.SliceOfN(rapid.Custom(drawEntry), 0, 8).Draw(t, "entries")
		merkle.SortEntries(entries)
		err := merkle.CheckEntries(entries)
		got, decodeErr := merkle.DecodeEntries(merkle.EncodeEntries(entries))
		if (err == nil) != (decodeErr == nil) {
			t.Fatalf("checked: %v, decoded: %v", err, decodeErr)
		}
		if err == nil && merkle.FolderDigest(got) != merkle.FolderDigest(entries) {
			t.Fatal("another folder came back")
		}
	})
}

func drawEntry(t *rapid.T) merkle.Entry {
	return merkle.Entry{
		Name:   rapid.OneOf(rapid.StringN(0, 4, -1), rapid.SampledFrom([]string{"a", "b", "\xff", "..", "a/b"})).Draw(t, "name"),
		Kind:   merkle.Kind(rapid.Uint8Range(0, 3).Draw(t, "kind")),
		Digest: merkle.FileOf([]byte{rapid.Byte().Draw(t, "digest")}),
		Size:   rapid.OneOf(rapid.Uint64Range(0, 9), rapid.Uint64()).Draw(t, "size"),
	}
}

func FuzzFolder(f *testing.F) {
	for _, v := range readVectors(f).Folders {
		f.Add(unhex(f, v.Listing))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := merkle.DecodeEntries(b)
		if err != nil {
			return
		}
		if !bytes.Equal(merkle.EncodeEntries(entries), b) {
			t.Error("accepted, but encodes differently")
		}
		step, before := merkle.ProveEntry(entries, 0)
		if step.Total > 0 && before != 0 {
			t.Errorf("%d bytes before byte 0", before)
		}
	})
}

func FuzzVerifyPath(f *testing.F) {
	leaves := numbered(5)
	f.Add(uint64(5), uint64(4), slices.Concat(toBytes(merkle.Prove(leaves, 4))...))
	f.Add(^uint64(0), ^uint64(0)-1, make([]byte, 64*32))
	f.Fuzz(func(t *testing.T, n, i uint64, path []byte) {
		var digests []canon.Digest
		for d := range slices.Chunk(path, 32) {
			if len(d) == 32 {
				digests = append(digests, canon.Digest(d))
			}
		}
		root := merkle.Root(leaves)
		if n == 5 && i < 5 && slices.Equal(digests, merkle.Prove(leaves, i)) {
			return
		}
		// Anything else shows nothing, but for what was proved.
		for k, leaf := range leaves {
			if err := merkle.VerifyPath(root, n, i, leaf, digests); err == nil && (n != 5 || uint64(k) != i) && !sameShape(n, i, 5, uint64(k)) {
				t.Errorf("leaf %d of 5 passes as %d of %d", k, i, n)
			}
		}
	})
}

// sameShape reports whether two positions turn the same way at every level:
// VerifyPath cannot tell such trees apart, which is why every digest of a file
// or folder binds the number of leaves.
func sameShape(n, i, m, j uint64) bool {
	return slices.Equal(turns(n, i), turns(m, j))
}

func turns(n, i uint64) []bool {
	var out []bool
	for n > 1 {
		k := uint64(1)
		for k < n-k {
			k *= 2
		}
		if right := i >= k; right {
			out, i, n = append(out, true), i-k, n-k
		} else {
			out, n = append(out, false), k
		}
	}
	return out
}

func toBytes(digests []canon.Digest) [][]byte {
	out := make([][]byte, len(digests))
	for i := range digests {
		out[i] = digests[i][:]
	}
	return out
}

func FuzzVerifyOpening(f *testing.F) {
	for _, v := range readVectors(f).Openings {
		f.Add(v.Root[:], v.Number, unhex(f, v.Opening))
	}
	f.Fuzz(func(t *testing.T, root []byte, number uint64, b []byte) {
		var o merkle.Opening
		if len(root) != 32 || canon.Unmarshal(b, &o) != nil {
			return
		}
		if !bytes.Equal(canon.Marshal(o), b) {
			t.Error("accepted, but encodes differently")
		}
		_ = merkle.VerifyOpening(canon.Digest(root), number, o) // must not panic
	})
}
