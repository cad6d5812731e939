package sumcheck

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// reluTable has n rows (x, max(0, x)).
func reluTable(n int) [][]int32 {
	table := [][]int32{make([]int32, n), make([]int32, n)}
	for i := range n {
		x := int32(i - n/2)
		table[0][i], table[1][i] = x, max(0, x)
	}
	return table
}

// lookups returns a tensor of the shape whose rows are in the table; where the
// shape is not, there are rows that are not in it.
func lookups(r *rand.Rand, table [][]int32, shape ...int) Columns {
	in := Columns{Shape: shape}
	inside := make(Vector, 1<<shapeVars(shape))
	inShape(inside, shape)
	for range table {
		in.Data = append(in.Data, make([]int32, len(inside)))
	}
	for i := range inside {
		at := r.IntN(len(table[0]))
		for c := range table {
			in.Data[c][i] = table[c][at]
			if inside[i].IsZero() {
				in.Data[c][i] = 1 << 30
			}
		}
	}
	return in
}

// TestLookups proves inputs of many shapes against tables of many sizes and
// compares the claims that are left with the columns and multiplicities.
func TestLookups(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 1))
	for _, size := range []int{1, 2, 3, 256, 300} {
		for _, columns := range []int{1, 2} {
			table := reluTable(size)[:columns]
			inputs := []Columns{
				lookups(r, table, 1), lookups(r, table, 5), lookups(r, table, 64), lookups(r, table, 3, 5), lookups(r, table, 2, 1, 7), lookups(r, table),
			}
			count, err := Multiplicities(table, inputs)
			if err != nil {
				t.Fatal(err)
			}
			p := NewProver(Context{})
			ProveLookup(p, table, inputs, count)
			v := NewVerifier(Context{}, p.Proof())
			claims, claim, err := VerifyLookup(v, table, shapesOf(inputs))
			if err != nil || v.Done() != nil {
				t.Fatalf("%d rows of %d columns: %v", size, columns, err)
			}
			if naive(lift(count, 1, size), claim.Point) != claim.Value {
				t.Error("the claim on the multiplicities is false")
			}
			for i, in := range inputs {
				for c, data := range in.Data {
					if naive(lift(data, 1, len(data)), claims[i][c].Point) != claims[i][c].Value {
						t.Errorf("the claim on column %d of input %d is false", c, i)
					}
				}
			}
		}
	}
}

func TestMultiplicitiesFindWhatIsNotThere(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 2))
	table := reluTable(100)
	in := lookups(r, table, 3, 5)
	count, err := Multiplicities(table, []Columns{in, in})
	if err != nil {
		t.Fatal(err)
	}
	var sum int32
	for _, n := range count {
		sum += n
	}
	if sum != 30 {
		t.Errorf("%d rows were counted, 30 are there", sum)
	}
	in.Data[1][2]++
	_, err = Multiplicities(table, []Columns{in})
	refused(t, "a row that is not in the table", err, CodeNotInTable)
}

func TestLookupRefusesBadDimensions(t *testing.T) {
	table := reluTable(8)
	for i, c := range []struct {
		table  [][]int32
		shapes [][]int
	}{
		{nil, [][]int{{1}}},
		{[][]int32{{}}, [][]int{{1}}},
		{[][]int32{{1, 2}, {1}}, [][]int{{1}}},
		{table, nil},
		{table, [][]int{{0}}},
		{table, [][]int{{-1}}},
		{table, [][]int{{4, -4}}},
		{table, [][]int{{1 << 40}}},
		{table, [][]int{{1 << 21}}},
		{table, [][]int{{1 << 11, 1 << 11}}},
		{table, [][]int{{1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20}}},
		{table, make([][]int, MaxClaims+1)},
	} {
		_, _, err := VerifyLookup(NewVerifier(Context{}, nil), c.table, c.shapes)
		refused(t, fmt.Sprint("case ", i), err, CodeDimensions)
	}
}
