// Command kernels writes the assembly of package kernel:
//
//	go -C tools/kernels run . -out ../../kernel/kernels_amd64.s -stubs ../../kernel/kernels_amd64.go -pkg kernel
//
// Every kernel exists for AVX-512 (with BW, VL and VNNI) and for AVX2. No sum of
// int16 products saturates: VPMADDWD and VPDPWSSD add two products of an int8 and
// an int16, at most 2^23, and VPDPBUSD (not its saturating form) adds modulo 2^32
// as Go does. VPMADDUBSW, which saturates, is not used.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("!purego")
	for _, v := range []isa{{"AVX512", true}, {"AVX2", false}} {
		v.tile()
		v.dot8(v.rows())
		v.dot8(1)
		v.dot32(v.rows())
		v.dot32(1)
		v.sum8()
	}
	Generate()
}

// isa is one of the two instruction sets.
type isa struct {
	name string
	wide bool
}

// rows is how many rows a dot product takes at a time.
func (v isa) rows() int {
	if v.wide {
		return 4
	}
	return 2
}

// vec returns a new vector register.
func (v isa) vec() reg.VecVirtual {
	if v.wide {
		return ZMM()
	}
	return YMM()
}

// bytes is the size of a vector register.
func (v isa) bytes() int {
	if v.wide {
		return 64
	}
	return 32
}

// zero clears registers.
func (v isa) zero(regs ...reg.VecVirtual) {
	for _, r := range regs {
		if v.wide {
			VPXORD(r, r, r)
		} else {
			VPXOR(r, r, r)
		}
	}
}

func (v isa) vecs(n int) []reg.VecVirtual {
	list := make([]reg.VecVirtual, n)
	for i := range list {
		list[i] = v.vec()
	}
	return list
}

// addPairs adds to acc the sums of pairs of products of words.
func (v isa) addPairs(acc, x reg.VecVirtual, y Op, tmp reg.VecVirtual) {
	if v.wide {
		VPDPWSSD(y, x, acc)
		return
	}
	VPMADDWD(y, x, tmp)
	VPADDD(tmp, acc, acc)
}

// reduce adds up the int64 lanes of acc and adds the sum to the int64 at out.
func (v isa) reduce(acc reg.VecVirtual, out Mem) {
	y := acc.AsY()
	h := YMM()
	if v.wide {
		VEXTRACTI64X4(U8(1), acc, h)
		VPADDQ(h, y, y)
	}
	if v.wide {
		VEXTRACTI32X4(U8(1), y, h.AsX())
	} else {
		VEXTRACTI128(U8(1), y, h.AsX())
	}
	VPADDQ(h.AsX(), acc.AsX(), acc.AsX())
	VPSRLDQ(U8(8), acc.AsX(), h.AsX())
	VPADDQ(h.AsX(), acc.AsX(), acc.AsX())
	sum := GP64()
	VMOVQ(acc.AsX(), sum)
	ADDQ(sum, out)
}

// widen turns int32 lanes into half as many int64 sums.
func (v isa) widen(acc reg.VecVirtual) {
	h := v.vec()
	if v.wide {
		VEXTRACTI64X4(U8(1), acc, h.AsY())
		VPMOVSXDQ(h.AsY(), h)
		VPMOVSXDQ(acc.AsY(), acc)
	} else {
		VEXTRACTI128(U8(1), acc, h.AsX())
		VPMOVSXDQ(h.AsX(), h)
		VPMOVSXDQ(acc.AsX(), acc)
	}
	VPADDQ(h, acc, acc)
}

const limbs = 4

// dot8 writes a function that adds, for each of some rows of int8 and each of
// four planes of int16, the dot product of n bytes to an int64. n is a multiple
// of a register's words, not zero, and at most 4096, so that no int32 lane overflows.
func (v isa) dot8(rows int) {
	TEXT(fmt.Sprintf("dot8x%d%s", rows, v.name), NOSPLIT, "func(out *int64, m *int8, stride int, w *int16, plane int, n int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("dot8x%d%s adds to out[4·i+l] the products of row i of m and plane l of w.", rows, v.name))
	out := Load(Param("out"), GP64())
	m := v.rowPointers(rows, 1)
	w := v.planePointers()
	n := Load(Param("n"), GP64())
	acc := v.vecs(rows * limbs)
	v.zero(acc...)
	at := GP64()
	XORQ(at, at)
	x, tmp := v.vecs(rows), v.vec()
	loop := fmt.Sprintf("loop8x%d%s", rows, v.name)
	Label(loop)
	for i := range rows {
		VPMOVSXBW(Mem{Base: m[i], Index: at, Scale: 1}, x[i])
	}
	for l := range limbs {
		var y Op = Mem{Base: w[l], Index: at, Scale: 2}
		if v.wide {
			r := v.vec()
			VMOVDQU16(y, r)
			y = r
		}
		for i := range rows {
			v.addPairs(acc[limbs*i+l], x[i], y, tmp)
		}
	}
	ADDQ(U32(v.bytes()/2), at)
	CMPQ(at, n)
	JLT(LabelRef(loop))
	for k, a := range acc {
		v.widen(a)
		v.reduce(a, Mem{Base: out, Disp: 8 * k})
	}
	VZEROUPPER()
	RET()
}

// dot32 is dot8 for rows of int32; n is a multiple of a register's quadwords.
func (v isa) dot32(rows int) {
	TEXT(fmt.Sprintf("dot32x%d%s", rows, v.name), NOSPLIT, "func(out *int64, m *int32, stride int, w *int16, plane int, n int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("dot32x%d%s adds to out[4·i+l] the products of row i of m and plane l of w.", rows, v.name))
	out := Load(Param("out"), GP64())
	m := v.rowPointers(rows, 4)
	w := v.planePointers()
	n := Load(Param("n"), GP64())
	acc := v.vecs(rows * limbs)
	v.zero(acc...)
	at := GP64()
	XORQ(at, at)
	x, y, tmp := v.vecs(rows), v.vec(), v.vec()
	loop := fmt.Sprintf("loop32x%d%s", rows, v.name)
	Label(loop)
	for i := range rows {
		VPMOVSXDQ(Mem{Base: m[i], Index: at, Scale: 4}, x[i])
	}
	for l := range limbs {
		VPMOVSXWQ(Mem{Base: w[l], Index: at, Scale: 2}, y)
		for i := range rows {
			VPMULDQ(y, x[i], tmp)
			VPADDQ(tmp, acc[limbs*i+l], acc[limbs*i+l])
		}
	}
	ADDQ(U32(v.bytes()/8), at)
	CMPQ(at, n)
	JLT(LabelRef(loop))
	for k, a := range acc {
		v.reduce(a, Mem{Base: out, Disp: 8 * k})
	}
	VZEROUPPER()
	RET()
}

// rowPointers returns the addresses of rows of entries of some bytes.
func (v isa) rowPointers(rows, size int) []reg.GPVirtual {
	list := []reg.GPVirtual{Load(Param("m"), GP64()).(reg.GPVirtual)}
	stride := Load(Param("stride"), GP64())
	for i := 1; i < rows; i++ {
		r := GP64()
		LEAQ(Mem{Base: list[i-1], Index: stride, Scale: uint8(size)}, r)
		list = append(list, r)
	}
	return list
}

// planePointers returns the addresses of the four planes.
func (v isa) planePointers() []reg.GPVirtual {
	list := []reg.GPVirtual{Load(Param("w"), GP64()).(reg.GPVirtual)}
	plane := Load(Param("plane"), GP64())
	for l := 1; l < limbs; l++ {
		r := GP64()
		LEAQ(Mem{Base: list[l-1], Index: plane, Scale: 2}, r)
		list = append(list, r)
	}
	return list
}

// sum8 writes a function that adds pairs of weighted rows of int8, a strip of
// columns wide (64 or 16), to int64 sums per plane. At most 128 pairs, so that no
// int32 lane overflows.
func (v isa) sum8() {
	TEXT("sum8"+v.name, NOSPLIT, "func(out *int64, outPlane int, m *int8, stride int, w *int16, plane int, pairs int)")
	Pragma("noescape")
	Doc("sum8" + v.name + " adds to out[l·outPlane+j] the entries of column j times plane l of w.")
	m := Load(Param("m"), GP64())
	stride := Load(Param("stride"), GP64())
	w := v.planePointers()
	pairs := Load(Param("pairs"), GP64())
	groups := 1 // of a register's words
	if v.wide {
		groups = 2
	}
	acc := v.vecs(groups * 2 * limbs)
	v.zero(acc...)
	tmp := v.vec()
	loop := "loopSum" + v.name
	Label(loop)
	second := GP64()
	LEAQ(Mem{Base: m, Index: stride, Scale: 1}, second)
	var x []reg.VecVirtual
	for g := range groups {
		a, b, high := v.vec(), v.vec(), v.vec()
		VPMOVSXBW(Mem{Base: m, Disp: g * v.bytes() / 2}, a)
		VPMOVSXBW(Mem{Base: second, Disp: g * v.bytes() / 2}, b)
		VPUNPCKHWD(b, a, high)
		VPUNPCKLWD(b, a, a)
		x = append(x, a, high)
	}
	weight := v.vec()
	for l := range limbs {
		VPBROADCASTD(Mem{Base: w[l]}, weight)
		for k := range x {
			v.addPairs(acc[len(x)*l+k], x[k], weight, tmp)
		}
		ADDQ(U32(4), w[l])
	}
	LEAQ(Mem{Base: second, Index: stride, Scale: 1}, m)
	DECQ(pairs)
	JNZ(LabelRef(loop))
	v.storeStrip(acc, groups)
	VZEROUPPER()
	RET()
}

// storeStrip adds the accumulators to out. A 128-bit lane q of a low register
// holds columns 8q … 8q+3, of a high one 8q+4 … 8q+7.
func (v isa) storeStrip(acc []reg.VecVirtual, groups int) {
	out := Load(Param("out"), GP64())
	plane := Load(Param("outPlane"), GP64())
	SHLQ(U8(3), plane)
	lanes := v.bytes() / 16
	for l := range limbs {
		for g := range groups {
			for high := range 2 {
				a := acc[2*groups*l+2*g+high]
				for q := range lanes {
					part := YMM()
					column := g*v.bytes()/2 + 8*q + 4*high
					if v.wide {
						VEXTRACTI32X4(U8(q), a, part.AsX())
					} else {
						VEXTRACTI128(U8(q), a, part.AsX())
					}
					VPMOVSXDQ(part.AsX(), part)
					VPADDQ(Mem{Base: out, Disp: 8 * column}, part, part)
					if v.wide {
						VMOVDQU64(part, Mem{Base: out, Disp: 8 * column})
					} else {
						VMOVDQU(part, Mem{Base: out, Disp: 8 * column})
					}
				}
			}
		}
		ADDQ(plane, out)
	}
}

// tile writes the inner loop of a product: a tile of c gains the products of
// some rows of a and a panel of packed columns of b.
//
// AVX-512: 8 rows and 32 columns. The panel holds, for every four inner indices,
// 32 columns of four bytes b + 128, read as unsigned; VPDPBUSD multiplies them with four
// bytes of a row, broadcast. The driver takes 128 times the row's sum off again.
//
// AVX2: 4 rows and 16 columns. Panel and rows are int16; a group is two indices.
func (v isa) tile() {
	entry := "int16"
	if v.wide {
		entry = "int8"
	}
	TEXT("tile"+v.name, NOSPLIT, fmt.Sprintf("func(c *int32, cStride int, a *%s, aStride int, b *%s, groups int)", entry, entry))
	Pragma("noescape")
	Doc("tile" + v.name + " adds the product of rows of a and a panel of b to a tile of c; strides are in entries of c and bytes of a.")
	rows, perRow := 8, 2
	if !v.wide {
		rows, perRow = 4, 2
	}
	a0 := Load(Param("a"), GP64())
	aStride := Load(Param("aStride"), GP64())
	// Rows are addressed from two or one base with strides of 1, 2 and 3.
	stride3 := GP64()
	LEAQ(Mem{Base: aStride, Index: aStride, Scale: 2}, stride3)
	bases := []reg.Register{a0}
	if rows == 8 {
		a4 := GP64()
		LEAQ(Mem{Base: a0, Index: aStride, Scale: 4}, a4)
		bases = append(bases, a4)
	}
	row := func(i int) Mem {
		m := Mem{Base: bases[i/4]}
		switch i % 4 {
		case 1:
			m.Index, m.Scale = aStride, 1
		case 2:
			m.Index, m.Scale = aStride, 2
		case 3:
			m.Index, m.Scale = stride3, 1
		}
		return m
	}
	b := Load(Param("b"), GP64())
	groups := Load(Param("groups"), GP64())
	acc := v.vecs(rows * perRow)
	v.zero(acc...)
	tmp := v.vec()
	loop := "loopTile" + v.name
	Label(loop)
	y := v.vecs(perRow)
	for k := range y {
		if v.wide {
			VMOVDQU32(Mem{Base: b, Disp: k * v.bytes()}, y[k])
		} else {
			VMOVDQU(Mem{Base: b, Disp: k * v.bytes()}, y[k])
		}
	}
	for i := range rows {
		x := v.vec()
		VPBROADCASTD(row(i), x)
		for k := range y {
			if v.wide {
				VPDPBUSD(x, y[k], acc[perRow*i+k])
			} else {
				v.addPairs(acc[perRow*i+k], y[k], x, tmp)
			}
		}
	}
	for _, base := range bases {
		ADDQ(U32(4), base)
	}
	ADDQ(U32(perRow*v.bytes()), b)
	DECQ(groups)
	JNZ(LabelRef(loop))
	c := Load(Param("c"), GP64())
	cStride := Load(Param("cStride"), GP64())
	SHLQ(U8(2), cStride)
	for i := range rows {
		for k := range perRow {
			at := Mem{Base: c, Disp: k * v.bytes()}
			VPADDD(at, acc[perRow*i+k], acc[perRow*i+k])
			if v.wide {
				VMOVDQU32(acc[perRow*i+k], at)
			} else {
				VMOVDQU(acc[perRow*i+k], at)
			}
		}
		if i+1 < rows {
			ADDQ(cStride, c)
		}
	}
	VZEROUPPER()
	RET()
}
