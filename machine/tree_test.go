package machine_test

import (
	"math/rand/v2"
	"testing"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/merkle"
	"pgregory.net/rapid"
)

// naive computes a fixed-depth root level by level over every leaf.
func naive(depth int, b []byte) canon.Digest {
	all := make([]byte, machine.LeafSize<<depth)
	copy(all, b)
	level := make([]canon.Digest, 1<<depth)
	for i := range level {
		level[i] = merkle.HashLeaf(all[i*machine.LeafSize:][:machine.LeafSize])
	}
	for len(level) > 1 {
		for i := range len(level) / 2 {
			level[i] = merkle.HashNode(level[2*i], level[2*i+1])
		}
		level = level[:len(level)/2]
	}
	return level[0]
}

// subtree is naive for leaves i<<height to (i+1)<<height of b.
func subtree(height int, i uint64, b []byte) canon.Digest {
	size := uint64(machine.LeafSize) << height
	return naive(height, b[i*size:(i+1)*size])
}

// TestTree sets and clears leaves at random and compares with a tree built
// from nothing; snapshots keep what they had.
func TestTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		depth := rapid.IntRange(1, 7).Draw(t, "depth")
		flat := make([]byte, machine.LeafSize<<depth)
		tree := machine.NewTree(depth)
		type kept struct {
			tree *machine.Tree
			root canon.Digest
		}
		var snapshots []kept
		for range rapid.IntRange(1, 30).Draw(t, "operations") {
			at := rapid.Uint64Range(0, 1<<depth-1).Draw(t, "leaf")
			switch rapid.IntRange(0, 5).Draw(t, "kind") {
			case 0, 1, 2:
				leaf := make([]byte, rapid.SampledFrom([]int{0, 1, 700, machine.LeafSize}).Draw(t, "bytes"))
				for i := range leaf {
					leaf[i] = rapid.Byte().Draw(t, "b")
					if i > 3 {
						break
					}
				}
				clear(flat[at*machine.LeafSize:][:machine.LeafSize])
				copy(flat[at*machine.LeafSize:], leaf)
				tree.Set(at, leaf)
			case 3:
				n := rapid.Uint64Range(0, 1<<depth-at).Draw(t, "n")
				clear(flat[at*machine.LeafSize:][:n*machine.LeafSize])
				tree.Clear(at, n)
			case 4:
				if tree.Root() != naive(depth, flat) {
					t.Fatal("root differs")
				}
			case 5:
				s := tree.Snapshot()
				if rapid.Bool().Draw(t, "go on with the copy") {
					tree, s = s, tree
				}
				snapshots = append(snapshots, kept{s, naive(depth, flat)})
			}
		}
		for _, s := range append(snapshots, kept{tree, naive(depth, flat)}) {
			if s.tree.Root() != s.root {
				t.Fatal("a tree and its snapshot disturb one another")
			}
		}
		height := rapid.IntRange(0, depth).Draw(t, "height")
		i := rapid.Uint64Range(0, 1<<(depth-height)-1).Draw(t, "node")
		if tree.Node(height, i) != subtree(height, i, flat) {
			t.Fatalf("node %d of height %d differs", i, height)
		}
		if machine.TreeOf(depth, flat).Root() != tree.Root() {
			t.Fatal("TreeOf differs")
		}
	})
}

func TestRootOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		depth := rapid.IntRange(0, 8).Draw(t, "depth")
		b := make([]byte, rapid.IntRange(0, machine.LeafSize<<depth).Draw(t, "bytes"))
		for range rapid.IntRange(0, 3).Draw(t, "marks") {
			if len(b) > 0 {
				b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] = 1
			}
		}
		if machine.RootOf(depth, b) != naive(depth, b) {
			t.Fatal("root differs")
		}
	})
	if machine.RootOf(machine.MaxDepth, nil) != machine.Zero(machine.MaxDepth) {
		t.Fatal("an empty tree is not zeros")
	}
}

// TestDeepTree works where a naive tree does not fit.
func TestDeepTree(t *testing.T) {
	for r := range machine.NumRegions {
		depth := machine.Region(r).Depth()
		tree, s := machine.NewTree(depth), machine.NewSparse(machine.Region(r))
		for _, i := range []uint64{0, 1, 1<<depth - 1, 1 << (depth - 1), 17 & (1<<depth - 1)} {
			tree.Set(i, []byte{1, byte(i)})
			s.Store(i*machine.LeafSize, []byte{1, byte(i)})
		}
		if tree.Root() != s.Root() {
			t.Fatalf("%s: roots differ", machine.Region(r))
		}
		tree.Clear(1, 1<<depth-2)
		s.Clear(machine.LeafSize, (1<<depth-2)*machine.LeafSize)
		if tree.Root() != s.Root() {
			t.Fatalf("%s: roots differ after Clear", machine.Region(r))
		}
		tree.Clear(0, 1<<depth)
		if tree.Root() != machine.Zero(depth) {
			t.Fatalf("%s: cleared and not zeros", machine.Region(r))
		}
	}
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(b)
	return b
}

// BenchmarkRehash is the root of 64 MiB from nothing.
func BenchmarkRehash(b *testing.B) {
	mem := randomBytes(64 << 20)
	b.Run("RootOf", func(b *testing.B) {
		for b.Loop() {
			machine.RootOf(machine.MemoryDepth, mem)
		}
	})
	b.Run("TreeOf", func(b *testing.B) {
		for b.Loop() {
			machine.TreeOf(machine.MemoryDepth, mem).Root()
		}
	})
	b.Run("zeros", func(b *testing.B) {
		clear(mem)
		for b.Loop() {
			machine.RootOf(machine.MemoryDepth, mem)
		}
	})
}

// BenchmarkIncremental is the root after 1,000 leaves anywhere in 64 MiB have
// changed, after a snapshot or without one.
func BenchmarkIncremental(b *testing.B) {
	mem := randomBytes(64 << 20)
	tree := machine.TreeOf(machine.MemoryDepth, mem)
	r := rand.New(rand.NewPCG(1, 2))
	dirty := make([]uint64, 1000)
	for _, snapshot := range []bool{false, true} {
		b.Run(map[bool]string{false: "alone", true: "snapshot"}[snapshot], func(b *testing.B) {
			for b.Loop() {
				for i := range dirty {
					dirty[i] = r.Uint64N(64 << 10)
					mem[dirty[i]*machine.LeafSize]++
				}
				if snapshot {
					tree.Snapshot()
				}
				for _, i := range dirty {
					tree.Set(i, mem[i*machine.LeafSize:][:machine.LeafSize])
				}
				tree.Root()
			}
		})
	}
}
