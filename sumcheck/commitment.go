package sumcheck

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/capacloud/assay"
)

const (
	// MaxCommitVars is the number of variables of the largest committed tensor.
	MaxCommitVars = 26

	// columnsRate2 and columnsRate4 are how many columns are opened at rate 1/2
	// and 1/4. A word further from the code than unique decoding allows, or a
	// wrong combined row, survives one column with probability at most
	// (1+rate)/2: 3/4 and 5/8.
	columnsRate2 = 252
	columnsRate4 = 155

	// errorRate2 and errorRate4 are (3/4)^252 and (5/8)^155 in units of 2^-128,
	// rounded up: 104.5 and 105.1 bits.
	errorRate2 = 11150076
	errorRate4 = 7820638

	// maxLogCols keeps code words short: with them an opening has 102 bits, so
	// that a statement of several parts keeps 100.
	maxLogCols = 15
)

// Layout is the shape of a commitment: 2^Vars entries as a matrix of 2^LogRows
// rows, every row encoded at rate 1/2^LogRate. Only the first Rows of them are
// there; the others are zeros, in which nothing is encoded, hashed or opened.
type Layout struct {
	Vars    uint8
	LogRows uint8
	LogRate uint8  // 1 or 2
	Rows    uint32 // 1 … 2^LogRows
}

// LayoutFor returns the layout for a tensor of 2^vars entries; see LayoutOf.
func LayoutFor(vars int) Layout { return LayoutOf(1 << vars) }

// LayoutOf returns the layout with the shortest proofs at rate 1/4 for a tensor
// of 2^Log(size) entries, of which those from size on are zero: a column costs 4
// bytes per row 155 times, the combined row 16 bytes per column once.
func LayoutOf(size int) Layout {
	vars := Log(size)
	var best Layout
	for logRows := max(0, vars-maxLogCols); logRows <= vars; logRows++ {
		cols := 1 << (vars - logRows)
		l := Layout{Vars: uint8(vars), LogRows: uint8(logRows), LogRate: 2, Rows: uint32(max(1, (size+cols-1)/cols))}
		if best.Rows == 0 || l.proofBytes() < best.proofBytes() {
			best = l
		}
	}
	return best
}

// Validate refuses layouts that are none, and those whose proofs are longer than
// a proof may be. All others have at least 100 bits.
func (l Layout) Validate() error {
	if l.Vars > MaxCommitVars || l.LogRows > l.Vars || l.LogRate < 1 || l.LogRate > 2 || l.Rows < 1 || l.Rows > 1<<l.LogRows {
		return assay.Refuse(CodeLayout, "2^%d entries in 2^%d rows (%d are there) at rate 1/2^%d", l.Vars, l.LogRows, l.Rows, l.LogRate)
	}
	if size := l.proofBytes(); size > MaxProof {
		return assay.Refuse(CodeLayout, "a proof would take %d bytes", size)
	}
	return nil
}

func (l Layout) rows() int   { return int(l.Rows) }
func (l Layout) cols() int   { return 1 << (l.Vars - l.LogRows) }
func (l Layout) length() int { return l.cols() << l.LogRate }

// columns returns how many columns are drawn, and the probability that none of
// them shows a lie, in units of 2^-128.
func (l Layout) columns() (n, err int) {
	if l.LogRate == 1 {
		return columnsRate2, errorRate2
	}
	return columnsRate4, errorRate4
}

// proofBytes bounds the length of an opening.
func (l Layout) proofBytes() int {
	columns, _ := l.columns()
	depth := bits.Len(uint(l.length()))
	return elementBytes*(l.cols()+2*int(l.Vars)+2) + columns*(baseBytes*l.rows()+sha256.Size*depth)
}

// Bits returns the bits of an opening. The rows are combined by eq at a random
// point: for a matrix that is not close to code words in common columns, the
// combination is close with probability at most 2·LogRows·length/|F| (Diamond
// and Gruen 2024, up to unique decoding); a word that is not close survives the
// columns with (3/4)^252 or (5/8)^155. The two add up.
func (l Layout) Bits() int {
	_, err := l.columns()
	err += 2 * int(l.LogRows) * l.length() * fieldUnit
	return 128 - bits.Len(uint(err-1))
}

// Commitment is what a verifier holds of a tensor.
type Commitment struct {
	Root   assay.Digest
	Layout Layout
}

// Committed is a tensor with its code words and the tree over their columns.
type Committed struct {
	commitment Commitment
	data8      []int8  // either this
	data32     []int32 // or this; shorter than 2^Vars where zeros follow
	words      []Base  // rows × length, not in Montgomery form
	tree       [][]assay.Digest
}

// Commit8 commits to a tensor of 2^Vars int8, of which those beyond data are
// zero; data fits the layout's rows. Run may be nil or run pieces at once, as Prover.Parallel.
func Commit8(data []int8, l Layout, run func(n int, do func(i int))) *Committed {
	c := &Committed{commitment: Commitment{Layout: l}, data8: data}
	c.encode(parallel(run), len(data), func(row []Base, from int) {
		for i, d := range data[from:min(from+len(row), len(data))] {
			row[i] = small[smallZero+int(d)]
		}
	})
	return c
}

// Commit32 is Commit8 for int32.
func Commit32(data []int32, l Layout, run func(n int, do func(i int))) *Committed {
	c := &Committed{commitment: Commitment{Layout: l}, data32: data}
	c.encode(parallel(run), len(data), func(row []Base, from int) {
		for i, d := range data[from:min(from+len(row), len(data))] {
			row[i] = baseInt(int64(d))
		}
	})
	return c
}

// Commitment returns what the verifier needs.
func (c *Committed) Commitment() Commitment { return c.commitment }

// encode fills words and tree. Load writes the entries from an index on that
// exist into a row of zeros.
func (c *Committed) encode(run func(int, func(int)), size int, load func(row []Base, from int)) {
	l := c.commitment.Layout
	if err := l.Validate(); err != nil || size > l.rows()*l.cols() {
		panic("sumcheck: the data does not fit the layout")
	}
	rows, cols, length := l.rows(), l.cols(), l.length()
	c.words = make([]Base, rows*length)
	code := newCode(l)
	parts := min(rows, 16)
	run(parts, func(part int) {
		row := make([]Base, cols)
		for i := part; i < rows && i*cols < size; i += parts { // rows of zeros are code words of zeros
			clear(row)
			load(row, i*cols)
			code.encode(c.words[i*length:(i+1)*length], row)
		}
	})
	leaves := make([]assay.Digest, length)
	parts = min(length, 16)
	run(parts, func(part int) {
		c.hashColumns(leaves, length/parts*part, length/parts*(part+1))
	})
	c.tree = buildTree(leaves)
	c.commitment.Root = c.tree[len(c.tree)-1][0]
}

// hashColumns sets leaves [from, to). Columns are copied a cache line wide.
func (c *Committed) hashColumns(leaves []assay.Digest, from, to int) {
	rows, length := c.commitment.Layout.rows(), c.commitment.Layout.length()
	const wide = 16
	size := 1 + baseBytes*rows
	columns := make([]byte, wide*size) // each starts with the 0 of a leaf
	for ; from < to; from += wide {
		n := min(wide, to-from)
		for i := range rows {
			at := 1 + baseBytes*i
			for _, w := range c.words[i*length+from : i*length+from+n] {
				binary.LittleEndian.PutUint32(columns[at:], w[0])
				at += size
			}
		}
		for k := range n {
			leaves[from+k] = sha256.Sum256(columns[k*size : (k+1)*size])
		}
	}
}

// leafHash returns the leaf of a column's bytes.
func leafHash(column []byte) assay.Digest {
	return sha256.Sum256(append(make([]byte, 1, 1+len(column)), column...))
}

// nodeHash returns the parent of two nodes. Leaves start with 0, nodes with 1.
func nodeHash(left, right assay.Digest) assay.Digest {
	var b [1 + 2*sha256.Size]byte
	b[0] = 1
	copy(b[1:], left[:])
	copy(b[1+sha256.Size:], right[:])
	return sha256.Sum256(b[:])
}

// buildTree returns the layers of the tree over a power of two of leaves, leaves first.
func buildTree(leaves []assay.Digest) [][]assay.Digest {
	tree := [][]assay.Digest{leaves}
	for len(leaves) > 1 {
		next := make([]assay.Digest, len(leaves)/2)
		for i := range next {
			next[i] = nodeHash(leaves[2*i], leaves[2*i+1])
		}
		tree, leaves = append(tree, next), next
	}
	return tree
}

// bind absorbs a commitment.
func (c Commitment) bind(t *transcript) {
	l := c.Layout
	t.absorb("commitment", binary.LittleEndian.AppendUint32(append(c.Root[:], l.Vars, l.LogRows, l.LogRate), l.Rows))
}

// ProveOpen proves claims on the committed tensor, all with one opening.
func (c *Committed) ProveOpen(p *Prover, claims []Claim) {
	l := c.commitment.Layout
	c.commitment.bind(&p.transcript)
	claim := c.merge(p, claims)
	weights := Eq(claim.Point[:l.LogRows])
	p.Send("row", c.combine(weights)...)
	list := drawColumns(&p.transcript, l)
	column := make([]byte, baseBytes*l.rows())
	for _, j := range list {
		for i := range l.rows() {
			binary.LittleEndian.PutUint32(column[baseBytes*i:], c.words[i*l.length()+j][0])
		}
		p.SendBytes("column", column)
	}
	for _, layer := range c.tree[:len(c.tree)-1] {
		var missing []int
		missing, list = siblings(list)
		for _, j := range missing {
			p.SendBytes("path", layer[j][:])
		}
	}
}

// merge reduces the claims to one at a random point.
func (c *Committed) merge(p *Prover, claims []Claim) Claim {
	vars := int(c.commitment.Layout.Vars)
	if c.data8 != nil || c.data32 == nil {
		return ProveMerge8(p, c.data8, vars, claims)
	}
	table := make(Vector, 1<<vars)
	for i, d := range c.data32 {
		table[i].B0.A0 = baseInt(int64(d))
	}
	return ProveMerge(p, table, claims)
}

// combine returns the sum of the rows times their weights.
func (c *Committed) combine(weights Vector) Vector {
	l := c.commitment.Layout
	cols := l.cols()
	if c.data32 == nil {
		full := len(c.data8) / cols
		sum := SumRows8(c.data8[:full*cols], full, cols, weights[:full])
		for j, d := range c.data8[full*cols:] {
			var e Element
			e.MulByElement(&weights[full], &small[smallZero+int(d)])
			sum[j].Add(&sum[j], &e)
		}
		return sum
	}
	sum := make(Vector, cols)
	row := make([]Base, cols)
	for i := 0; i*cols < len(c.data32); i++ {
		clear(row)
		for j, d := range c.data32[i*cols : min((i+1)*cols, len(c.data32))] {
			row[j] = baseInt(int64(d))
		}
		sum.MulAccByElement(row, &weights[i])
	}
	return sum
}

// VerifyOpen verifies a proof of ProveOpen.
func (c Commitment) VerifyOpen(v *Verifier, claims []Claim) error {
	l := c.Layout
	if err := l.Validate(); err != nil {
		return err
	}
	c.bind(&v.transcript)
	claim, err := VerifyMerge(v, int(l.Vars), claims)
	if err != nil {
		return err
	}
	row, err := v.Receive("row", l.cols())
	if err != nil {
		return err
	}
	value := EvaluateVector(row, claim.Point[l.LogRows:])
	if !value.Equal(&claim.Value) {
		return assay.Refuse(CodeOpening, "the tensor has 2^%d entries", l.Vars)
	}
	list := drawColumns(&v.transcript, l)
	leaves, err := verifyColumns(v, l, list, Eq(claim.Point[:l.LogRows])[:l.rows()], codeWord(l, row))
	if err != nil {
		return err
	}
	return verifyPaths(v, l, c.Root, list, leaves)
}

// drawColumns draws the columns to open, in order, each once. Drawing with
// repetition is what the bits count on.
func drawColumns(t *transcript, l Layout) []int {
	columns, _ := l.columns()
	list := t.indices("columns", columns, l.length())
	slices.Sort(list)
	return slices.Compact(list)
}

// verifyColumns compares the weighted sum of every column with the code word of
// the combined row and returns the columns' leaves.
func verifyColumns(v *Verifier, l Layout, list []int, weights, word Vector) ([]assay.Digest, error) {
	leaves := make([]assay.Digest, len(list))
	column := make([]Base, l.rows())
	for k, j := range list {
		b, err := v.ReceiveBytes("column", baseBytes*l.rows())
		if err != nil {
			return nil, err
		}
		for i := range column {
			if !readBase(&column[i], b[baseBytes*i:]) {
				return nil, assay.Refuse(CodeElement, "column %d, row %d", j, i)
			}
		}
		if sum := weights.InnerProductByElement(column); !sum.Equal(&word[j]) {
			return nil, assay.Refuse(CodeColumn, "column %d", j)
		}
		leaves[k] = leafHash(b)
	}
	return leaves, nil
}

// verifyPaths climbs from the leaves to the root with the nodes that the tape
// adds, layer by layer.
func verifyPaths(v *Verifier, l Layout, root assay.Digest, list []int, nodes []assay.Digest) error {
	for range bits.Len(uint(l.length())) - 1 {
		missing, parents := siblings(list)
		known := make(map[int]assay.Digest, len(list)+len(missing))
		for k, j := range list {
			known[j] = nodes[k]
		}
		for _, j := range missing {
			b, err := v.ReceiveBytes("path", sha256.Size)
			if err != nil {
				return err
			}
			known[j] = assay.Digest(b)
		}
		nodes = nodes[:0]
		for _, j := range parents {
			nodes = append(nodes, nodeHash(known[2*j], known[2*j+1]))
		}
		list = parents
	}
	if nodes[0] != root {
		return assay.Refuse(CodePath, "the columns lead to another root")
	}
	return nil
}

// siblings returns which nodes of a layer are needed beside those of the sorted
// list, and the parents.
func siblings(list []int) (missing, parents []int) {
	for k, j := range list {
		if j&1 == 0 && (k+1 == len(list) || list[k+1] != j+1) || j&1 == 1 && (k == 0 || list[k-1] != j-1) {
			missing = append(missing, j^1)
		}
		if len(parents) == 0 || parents[len(parents)-1] != j/2 {
			parents = append(parents, j/2)
		}
	}
	return missing, parents
}
