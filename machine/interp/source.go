package interp

import (
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/machine"
	"github.com/capacloud/assay/machine/wasm"
	"github.com/capacloud/assay/merkle"
)

// staticTrees are the trees of the regions that never change, built when a
// proof first wants them and shared by machines of one program.
type staticTrees struct{ code, static *machine.Tree }

func (t *staticTrees) build(p *wasm.Program) {
	if t.code != nil {
		return
	}
	t.code = machine.NewTree(machine.Code.Depth())
	var b []byte
	for i := 0; i < len(p.Code); i += perLeaf {
		b = b[:0]
		for _, in := range p.Code[i:min(i+perLeaf, len(p.Code))] {
			b = in.AppendBinary(b)
		}
		t.code.Set(uint64(i/perLeaf), b)
	}
	t.static = machine.TreeOf(machine.Static.Depth(), p.Static)
}

// sources returns the regions as they are now, for a witness.
func (m *Machine) sources() *[machine.NumRegions]machine.Source {
	m.commit()
	m.codeTrees.build(m.program)
	var s [machine.NumRegions]machine.Source
	for r, t := range map[machine.Region]*machine.Tree{
		machine.Code: m.codeTrees.code, machine.Static: m.codeTrees.static, machine.Memory: m.memTree, machine.Slots: m.slotTree,
		machine.Globals: m.globals.tree, machine.Dropped: m.dropped.Tree(), machine.HostNodes: m.nodes.Tree(), machine.HostData: m.data.Tree(),
	} {
		s[r] = source{m, r, t}
	}
	s[machine.Tables] = tableSource{source{m, machine.Tables, nil}}
	return &s
}

// source is one region.
type source struct {
	m      *Machine
	region machine.Region
	tree   *machine.Tree
}

// Node implements machine.Source.
func (s source) Node(height int, i uint64) canon.Digest { return s.tree.Node(height, i) }

// Leaf implements machine.Source.
func (s source) Leaf(i uint64, p *machine.Leaf) { s.m.Load(s.region, i*machine.LeafSize, p[:]) }

// tableSource joins the trees of the tables.
type tableSource struct{ source }

// Node implements machine.Source.
func (s tableSource) Node(height int, i uint64) canon.Digest {
	if height > machine.TableDepth {
		return merkle.HashNode(s.Node(height-1, 2*i), s.Node(height-1, 2*i+1))
	}
	below := machine.TableDepth - height
	if t := i >> below; t < uint64(len(s.m.tables)) {
		return s.m.tables[t].tree.Node(height, i&(1<<below-1))
	}
	return machine.Zero(height)
}

// Leaf implements machine.Source.
func (s tableSource) Leaf(i uint64, p *machine.Leaf) {
	clear(p[:])
	if i>>machine.TableDepth < uint64(len(s.m.tables)) {
		s.source.Leaf(i, p)
	}
}
