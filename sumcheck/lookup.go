package sumcheck

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/capacloud/assay"
)

// maxLookup bounds the rows of inputs and table times their columns: up to it a
// lookup has 100 bits.
const maxLookup = 1 << 22

// Columns is a tensor of rows to look up, column by column: row i is
// (Data[0][i], Data[1][i], …). Every dimension of the shape is rounded up to a
// power of two; what is thereby added is no row and is not looked up, whatever
// Data has there.
type Columns struct {
	Shape []int
	Data  [][]int32
}

// shapeVars returns the variables of a tensor of the shape.
func shapeVars(shape []int) int {
	vars := 0
	for _, d := range shape {
		vars += Log(d)
	}
	return vars
}

// inShape sets the entries of the shape to 1 in a table of zeros.
func inShape(table Vector, shape []int) {
	if len(shape) <= 1 {
		for i := range append(shape, 1)[0] {
			table[i] = one()
		}
		return
	}
	step := 1 << shapeVars(shape[1:])
	for i := range shape[0] {
		inShape(table[i*step:(i+1)*step], shape[1:])
	}
}

// inShapeAt returns the multilinear extension of inShape's table at the point.
func inShapeAt(shape []int, point []Element) Element {
	product := one()
	for _, d := range shape {
		product = mul(product, LessAt(d, point[:Log(d)]))
		point = point[Log(d):]
	}
	return product
}

// BitsLookup returns the bits of a lookup of rows in a table.
func BitsLookup(columns, table int, rows ...int) int {
	total := 1 << Log(table)
	rounds := 0
	for _, n := range append([]int{table}, rows...) {
		rounds += Log(n) * (3*Log(n) + 3)
	}
	for _, n := range rows {
		total += 1 << Log(n)
	}
	return bitsOf(total*columns + rounds)
}

// Multiplicities returns how often each row of the table (column by column) is
// looked up. A row that occurs twice in the table counts at its first place.
func Multiplicities(table [][]int32, inputs []Columns) ([]int32, error) {
	place := make(map[string]int, len(table[0]))
	var key []byte
	for i := len(table[0]) - 1; i >= 0; i-- {
		place[string(rowKey(key[:0], table, i))] = i
	}
	count := make([]int32, len(table[0]))
	for n, in := range inputs {
		real := make(Vector, 1<<shapeVars(in.Shape))
		inShape(real, in.Shape)
		for i := range real {
			if real[i].IsZero() {
				continue
			}
			key = rowKey(key[:0], in.Data, i)
			at, ok := place[string(key)]
			if !ok {
				return nil, assay.Refuse(CodeNotInTable, "input %d, row %d", n, i)
			}
			count[at]++
		}
	}
	return count, nil
}

// rowKey appends the bytes of a row.
func rowKey(b []byte, columns [][]int32, i int) []byte {
	for _, c := range columns {
		b = binary.LittleEndian.AppendUint32(b, uint32(c[i]))
	}
	return b
}

// ProveLookup proves that every row of every input is a row of the table: the
// sum of 1/(α − row) over all inputs is the sum of multiplicity/(α − row) over
// the table (LogUp, Haböck 2022), each side added up by a tree of fractions whose
// layers are sumchecks (Papini and Haböck 2023). It returns a claim per input and
// column, and one on the multiplicities. The transcript must already hold what
// fixes inputs and multiplicities.
func ProveLookup(p *Prover, table [][]int32, inputs []Columns, multiplicity []int32) (claims [][]Claim, count Claim) {
	alpha, beta := p.bindLookup(table, shapesOf(inputs), len(table))
	for _, in := range inputs {
		claims = append(claims, proveSide(p, in.Data, in.Shape, nil, alpha, beta))
	}
	side := proveSide(p, table, []int{len(table[0])}, multiplicity, alpha, beta)
	return claims, side[len(side)-1]
}

func shapesOf(inputs []Columns) [][]int {
	shapes := make([][]int, len(inputs))
	for i, in := range inputs {
		shapes[i] = in.Shape
	}
	return shapes
}

// bindLookup absorbs the dimensions and the table and draws α and β.
func (t *transcript) bindLookup(table [][]int32, shapes [][]int, columns int) (alpha, beta Element) {
	h := sha256.New()
	buf := make([]byte, 0, 4*len(table[0]))
	for _, c := range table {
		buf = buf[:0]
		for _, x := range c {
			buf = binary.LittleEndian.AppendUint32(buf, uint32(x))
		}
		h.Write(buf)
	}
	statement := h.Sum(nil)
	statement = binary.LittleEndian.AppendUint64(statement, uint64(columns))
	for _, shape := range append([][]int{{len(table[0])}}, shapes...) {
		statement = binary.LittleEndian.AppendUint64(statement, uint64(len(shape)))
		for _, n := range shape {
			statement = binary.LittleEndian.AppendUint64(statement, uint64(n))
		}
	}
	t.absorb("lookup", statement)
	point := t.Point("lookup", 2)
	return point[0], point[1]
}

// proveSide proves one sum of fractions. Numerators are 1 within the shape, or the
// multiplicities. The claims are those on the columns; with multiplicities only
// the one on these.
func proveSide(p *Prover, columns [][]int32, shape []int, multiplicity []int32, alpha, beta Element) []Claim {
	size := 1 << shapeVars(shape)
	numerators, denominators := make(Vector, size), make(Vector, size)
	if multiplicity == nil {
		inShape(numerators, shape)
	}
	for i, m := range multiplicity {
		numerators[i] = Int(int64(m))
	}
	for i := range denominators {
		denominators[i] = alpha
	}
	power := one()
	column := make([]Base, size)
	for _, data := range columns {
		clear(column)
		for i, x := range data {
			column[i] = baseInt(-int64(x))
		}
		denominators.MulAccByElement(column, &power)
		power = mul(power, beta)
	}
	point, top := proveFractions(p, numerators, denominators)
	if multiplicity != nil {
		return []Claim{{point, top}}
	}
	weights := Eq(point)
	var claims []Claim
	for _, data := range columns {
		clear(column)
		for i, x := range data {
			column[i] = baseInt(int64(x))
		}
		claims = append(claims, Claim{point, weights.InnerProductByElement(column)})
		p.Send("column", claims[len(claims)-1].Value)
	}
	return claims
}

// VerifyLookup verifies a proof of ProveLookup for inputs of the given shapes and
// as many columns as the table has.
func VerifyLookup(v *Verifier, table [][]int32, shapes [][]int) (claims [][]Claim, count Claim, err error) {
	if err := checkLookup(table, shapes); err != nil {
		return nil, Claim{}, err
	}
	alpha, beta := v.bindLookup(table, shapes, len(table))
	var sum fraction
	sum.denominator = one()
	for _, shape := range shapes {
		root, point, leaf, err := verifyFractions(v, shapeVars(shape))
		if err != nil {
			return nil, Claim{}, err
		}
		sum = sum.plus(root)
		values, err := v.receiveColumns(len(table))
		if err != nil {
			return nil, Claim{}, err
		}
		if want := (fraction{inShapeAt(shape, point), fingerprint(values, alpha, beta)}); leaf != want {
			return nil, Claim{}, assay.Refuse(CodeLookup, "an input of %v rows", shape)
		}
		list := make([]Claim, len(values))
		for i, x := range values {
			list[i] = Claim{point, x}
		}
		claims = append(claims, list)
	}
	root, point, leaf, err := verifyFractions(v, Log(len(table[0])))
	if err != nil {
		return nil, Claim{}, err
	}
	if leaf.denominator != fingerprint(evaluateTable(table, point), alpha, beta) {
		return nil, Claim{}, assay.Refuse(CodeLookup, "the table's fractions")
	}
	left, right := mul(sum.numerator, root.denominator), mul(root.numerator, sum.denominator)
	if sum.denominator.IsZero() || root.denominator.IsZero() || !left.Equal(&right) {
		return nil, Claim{}, assay.Refuse(CodeFractions, "%d inputs", len(shapes))
	}
	return claims, Claim{point, leaf.numerator}, nil
}

// checkLookup refuses dimensions for which the argument has less than 100 bits.
func checkLookup(table [][]int32, shapes [][]int) error {
	if len(table) == 0 || len(table[0]) == 0 || len(shapes) == 0 || len(shapes) > MaxClaims {
		return assay.Refuse(CodeDimensions, "a lookup of %d inputs in a table of %d columns", len(shapes), len(table))
	}
	for _, c := range table {
		if len(c) != len(table[0]) {
			return assay.Refuse(CodeDimensions, "the table's columns differ in length")
		}
	}
	total := 1 << Log(len(table[0]))
	for _, shape := range shapes {
		vars := 0
		for _, n := range shape {
			if n < 1 || n > maxLookup {
				return assay.Refuse(CodeDimensions, "an input of %v rows", shape)
			}
			vars += Log(n)
		}
		total += 1 << min(vars, MaxVars)
	}
	if total > maxLookup/len(table) {
		return assay.Refuse(CodeDimensions, "%d rows of %d columns, the limit is %d entries", total, len(table), maxLookup)
	}
	return nil
}

// receiveColumns reads one value per column, each a message of its own.
func (v *Verifier) receiveColumns(n int) ([]Element, error) {
	values := make([]Element, 0, n)
	for range n {
		x, err := v.Receive("column", 1)
		if err != nil {
			return nil, err
		}
		values = append(values, x[0])
	}
	return values, nil
}

// fingerprint returns α − Σ β^c·value_c.
func fingerprint(values []Element, alpha, beta Element) Element {
	var sum Element
	for c := len(values) - 1; c >= 0; c-- {
		sum = add(mul(sum, beta), values[c])
	}
	return sub(alpha, sum)
}

// evaluateTable returns the value of every column at the point.
func evaluateTable(table [][]int32, point []Element) []Element {
	weights := Eq(point)[:len(table[0])]
	values := make([]Element, len(table))
	for c, data := range table {
		for i := 0; i < len(data); i += chunk {
			end := min(i+chunk, len(data))
			values[c] = add(values[c], dotRows32(data[i:end], 1, end-i, weights[i:end])[0])
		}
	}
	return values
}
