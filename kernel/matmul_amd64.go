//go:build !purego

package kernel

// fewRows is up to how many rows of a the product is taken row by row: packing b
// would cost more than the product.
const fewRows = Limbs

const (
	blockInner = 2048 // how many inner indices are packed at a time
	blockRows  = 128  // how many rows of a pass by a panel of b before the next one
)

func matMul(c []int32, a, b []int8, n, m, p int, transposed bool) {
	switch {
	case active == levelPortable:
		if !transposed {
			b = transpose(b, m, p)
		}
		plainMatMulT(c, a, b, n, m, p)
	case n <= fewRows:
		matMulFew(c, a, b, n, m, p, transposed)
	case active == levelAVX512:
		matMul512(c, a, b, n, m, p, transposed)
	default:
		matMul2(c, a, b, n, m, p, transposed)
	}
}

// matMulFew weighs the rows or columns of b with up to four rows of a at once.
func matMulFew(c []int32, a, b []int8, n, m, p int, transposed bool) {
	w := make([]int16, Limbs*m)
	for i, v := range a {
		w[i] = int16(v)
	}
	out := make([]int64, Limbs*p)
	if transposed {
		dotRows8(out, b, p, m, w)
		for i := range n {
			for j := range p {
				c[i*p+j] = int32(out[Limbs*j+i])
			}
		}
		return
	}
	sumRows8(out, b, m, p, w)
	for i := range c {
		c[i] = int32(out[i])
	}
}

// tiles is how a level cuts a product: tiles of rows×cols entries of c, inner
// indices in groups.
type tiles struct{ rows, cols, group int }

// panels returns how many panels of columns there are.
func (t tiles) panels(p int) int { return (p + t.cols - 1) / t.cols }

// groups returns how many groups hold n inner indices.
func (t tiles) groups(n int) int { return (n + t.group - 1) / t.group }

var (
	tiles512 = tiles{8, 32, 4}
	tiles2   = tiles{4, 16, 2}
)

// matMul512 multiplies with b + 128, which is unsigned, and starts every entry
// of c with what that adds too much: −128 times the sum of the row of a.
func matMul512(c []int32, a, b []int8, n, m, p int, transposed bool) {
	for i := range n {
		start := -128 * rowSum(a[i*m:(i+1)*m])
		for j := range p {
			c[i*p+j] = start
		}
	}
	panels := make([]int8, tiles512.panels(p)*tiles512.groups(min(m, blockInner))*128)
	for from := 0; from < m; from += blockInner {
		width := min(blockInner, m-from)
		groups := tiles512.groups(width)
		if transposed {
			packRows512(panels, b, m, p, from, width)
		} else {
			packCols512(panels, b, p, from, width)
		}
		rows := &rowSource512{a: a, m: m, from: from, width: width}
		sweep(tiles512, c, n, p, func(i, full int) { rows.load(i, full) }, func(tile []int32, stride, i, panel int) {
			pa, aStride := rows.row(i)
			tileAVX512(&tile[0], stride, pa, aStride, &panels[panel*groups*128], groups)
		})
	}
}

// sweep visits all tiles: blocks of rows, panels, rows of tiles. Tiles that stick
// out over the edge of c are computed aside.
func sweep(t tiles, c []int32, n, p int, load func(i, rows int), multiply func(tile []int32, stride, i, panel int)) {
	aside := make([]int32, t.rows*t.cols)
	for i0 := 0; i0 < n; i0 += blockRows {
		block := min(blockRows, n-i0)
		load(i0, block)
		for panel := range t.panels(p) {
			j := panel * t.cols
			cols := min(t.cols, p-j)
			for i := 0; i < block; i += t.rows {
				rows := min(t.rows, block-i)
				if rows == t.rows && cols == t.cols {
					multiply(c[(i0+i)*p+j:], p, i, panel)
					continue
				}
				clear(aside)
				multiply(aside, t.cols, i, panel)
				for r := range rows {
					sums := c[(i0+i+r)*p+j:][:cols]
					for k := range sums {
						sums[k] += aside[r*t.cols+k]
					}
				}
			}
		}
	}
}

// rowSource512 gives the rows of a block of a: in place where whole groups of
// whole tiles lie there, else copied and filled up with zeros.
type rowSource512 struct {
	a              []int8
	m, from, width int
	first          int
	copied         []int8
	copiedStride   int
}

func (s *rowSource512) load(first, rows int) {
	s.first, s.copiedStride = first, 0
	if s.width%tiles512.group == 0 && rows%tiles512.rows == 0 {
		return
	}
	s.copiedStride = tiles512.groups(s.width) * tiles512.group
	if s.copied == nil {
		s.copied = make([]int8, blockRows*s.copiedStride)
	}
	clear(s.copied)
	for i := range rows {
		copy(s.copied[i*s.copiedStride:], s.a[(first+i)*s.m+s.from:][:s.width])
	}
}

func (s *rowSource512) row(i int) (*int8, int) {
	if s.copiedStride != 0 {
		return &s.copied[i*s.copiedStride], s.copiedStride
	}
	return &s.a[(s.first+i)*s.m+s.from], s.m
}

// packCols512 packs rows [from, from+width) of b, which is m×p: for every panel
// of 32 columns and every four rows, 32 times four bytes b + 128.
func packCols512(panels, b []int8, p, from, width int) {
	const cols, group = 32, 4
	groups := tiles512.groups(width)
	var rows [group][cols]int8
	for g := range groups { // outside, so that rows of b are read from end to end
		for panel := range tiles512.panels(p) {
			j := panel * cols
			n := min(cols, p-j)
			for r := range group {
				if k := g*group + r; k < width {
					copy(rows[r][:n], b[(from+k)*p+j:])
				}
			}
			out := (*[cols * group]int8)(panels[(panel*groups+g)*cols*group:])
			for c := range cols {
				out[4*c] = rows[0][c] ^ -128
				out[4*c+1] = rows[1][c] ^ -128
				out[4*c+2] = rows[2][c] ^ -128
				out[4*c+3] = rows[3][c] ^ -128
			}
		}
	}
}

// packRows512 is packCols512 for b transposed, p×m.
func packRows512(panels, b []int8, m, p, from, width int) {
	const cols, group = 32, 4
	groups := tiles512.groups(width)
	for j := range p {
		row := b[j*m+from:][:width]
		out := panels[(j/cols*groups*cols+j%cols)*group:]
		g := 0
		for ; (g+1)*group <= width; g++ {
			o, r := out[g*cols*group:][:group], row[g*group:][:group]
			o[0], o[1], o[2], o[3] = r[0]^-128, r[1]^-128, r[2]^-128, r[3]^-128
		}
		for k := g * group; k < width; k++ {
			out[g*cols*group+k%group] = row[k] ^ -128
		}
	}
}

// rowSum returns the sum of a row.
func rowSum(row []int8) int32 {
	var s int32
	for _, v := range row {
		s += int32(v)
	}
	return s
}

// matMul2 multiplies int16.
func matMul2(c []int32, a, b []int8, n, m, p int, transposed bool) {
	clear(c)
	const cols, group = 16, 2
	panels := make([]int16, tiles2.panels(p)*tiles2.groups(min(m, blockInner))*cols*group)
	block := make([]int16, blockRows*tiles2.groups(min(m, blockInner))*group)
	for from := 0; from < m; from += blockInner {
		width := min(blockInner, m-from)
		groups := tiles2.groups(width)
		stride := groups * group
		pack2(panels, b, m, p, from, width, transposed)
		load := func(first, rows int) {
			clear(block)
			for i := range rows {
				out := block[i*stride:]
				for k, v := range a[(first+i)*m+from:][:width] {
					out[k] = int16(v)
				}
			}
		}
		sweep(tiles2, c, n, p, load, func(tile []int32, tileStride, i, panel int) {
			tileAVX2(&tile[0], tileStride, &block[i*stride], 2*stride, &panels[panel*groups*cols*group], groups)
		})
	}
}

// pack2 packs the inner indices [from, from+width) of b for every panel of 16
// columns: for every two of them, 16 times two int16.
func pack2(panels []int16, b []int8, m, p, from, width int, transposed bool) {
	const cols, group = 16, 2
	groups := tiles2.groups(width)
	clear(panels)
	for j := range p {
		out := panels[(j/cols*groups*cols+j%cols)*group:]
		for k := range width {
			at := (from+k)*p + j
			if transposed {
				at = j*m + from + k
			}
			out[k/group*cols*group+k%group] = int16(b[at])
		}
	}
}
