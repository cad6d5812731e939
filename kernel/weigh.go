package kernel

// Limbs is how many limbs a weight has: a weight is four signed 16-bit numbers,
// and a weighted sum is four int64, one per limb.
const Limbs = 4

// MaxTerms is how many terms a weighted sum may have: 2^16 products of an int32
// and an int16 stay below 2^63.
const MaxTerms = 1 << 16

// DotRows8 sets out[4·i+l] = Σ_j m[i][j]·w[l][j] for the rows×cols matrix m and
// the limb planes w (4 planes of cols limbs).
func DotRows8(out []int64, m []int8, rows, cols int, w []int16) {
	check(len(m), rows, cols)
	check(len(out), rows, Limbs)
	check(len(w), cols, Limbs)
	checkTerms(cols)
	dotRows8(out, m, rows, cols, w)
}

// DotRows32 is DotRows8 of a matrix of int32.
func DotRows32(out []int64, m []int32, rows, cols int, w []int16) {
	check(len(m), rows, cols)
	check(len(out), rows, Limbs)
	check(len(w), cols, Limbs)
	checkTerms(cols)
	dotRows32(out, m, rows, cols, w)
}

// SumRows8 sets out[l·cols+j] = Σ_i w[l][i]·m[i][j]: the rows of m, weighted by
// the limb planes w (4 planes of rows limbs) and added up.
func SumRows8(out []int64, m []int8, rows, cols int, w []int16) {
	check(len(m), rows, cols)
	check(len(out), cols, Limbs)
	check(len(w), rows, Limbs)
	checkTerms(rows)
	sumRows8(out, m, rows, cols, w)
}

func checkTerms(n int) {
	if n > MaxTerms {
		panic("kernel: a weighted sum of more than 65,536 terms")
	}
}

func plainDotRows8(out []int64, m []int8, rows, cols int, w []int16) {
	w0, w1, w2, w3 := w[:cols], w[cols:2*cols], w[2*cols:3*cols], w[3*cols:]
	for i := range rows {
		var s0, s1, s2, s3 int64
		for j, v := range m[i*cols : (i+1)*cols] {
			s0 += int64(v) * int64(w0[j])
			s1 += int64(v) * int64(w1[j])
			s2 += int64(v) * int64(w2[j])
			s3 += int64(v) * int64(w3[j])
		}
		copy(out[Limbs*i:], []int64{s0, s1, s2, s3})
	}
}

func plainDotRows32(out []int64, m []int32, rows, cols int, w []int16) {
	w0, w1, w2, w3 := w[:cols], w[cols:2*cols], w[2*cols:3*cols], w[3*cols:]
	for i := range rows {
		var s0, s1, s2, s3 int64
		for j, v := range m[i*cols : (i+1)*cols] {
			s0 += int64(v) * int64(w0[j])
			s1 += int64(v) * int64(w1[j])
			s2 += int64(v) * int64(w2[j])
			s3 += int64(v) * int64(w3[j])
		}
		copy(out[Limbs*i:], []int64{s0, s1, s2, s3})
	}
}

func plainSumRows8(out []int64, m []int8, rows, cols int, w []int16) {
	clear(out)
	for i := range rows {
		row := m[i*cols : (i+1)*cols]
		for l := range Limbs {
			weight, sums := int64(w[l*rows+i]), out[l*cols:(l+1)*cols]
			for j, v := range row {
				sums[j] += weight * int64(v)
			}
		}
	}
}
