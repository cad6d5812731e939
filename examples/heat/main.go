// Heat spreads the heat of a few hot spots over a plate: simulation.
//
//	assay run ./examples/heat                  256 x 256 cells, 700 steps
//	assay run ./examples/heat -- 128 200
//
// Each step replaces every inner cell by a weighted mean of itself and its
// neighbours (an explicit five-point scheme); the rim stays cold. It prints
// some statistics and a checksum over the bits of all cells, and draws
// heat.pgm in the output. Sums of products are rounded step by step
// (float64(x*y) + z), so a processor with fused instructions gets the same bits.
//
// It is an epoch program (docs/WASM.md): every 50 steps it stands still for a
// moment, and should its provider vanish another one goes on from there.
//
// Natively: ASSAY_OUT=. go run ./examples/heat
package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
)

// rate is diffusivity times step over cell size squared; above 0.25 the scheme
// would oscillate.
const rate = 0.2

// stepsPerEpoch is how many steps lie between two boundaries: there the plate is
// what any other machine can go on from.
const stepsPerEpoch = 50

// The state between epochs.
var (
	plate, next [][]float64
	steps, done int
)

// main does natively what assay does with the exports.
func main() {
	begin()
	for epoch() != 0 {
	}
	end()
}

//go:wasmexport assay_init
func begin() {
	size := 256
	steps = 700
	for i, v := range []*int{&size, &steps} {
		if len(os.Args) > i+1 {
			n, err := strconv.Atoi(os.Args[i+1])
			if err != nil || n < 3 || n > 1<<13 {
				fail(fmt.Errorf("usage: heat [size [steps]], each 3 to 8192, not %q", os.Args[i+1]))
			}
			*v = n
		}
	}
	plate, next = newPlate(size), newPlate(size)
}

//go:wasmexport assay_step
func epoch() int32 {
	for range min(stepsPerEpoch, steps-done) {
		step(next, plate)
		plate, next = next, plate
		done++
	}
	if done < steps {
		return 1
	}
	return 0
}

//go:wasmexport assay_finish
func end() {
	report(plate, steps)
	out := os.Getenv("ASSAY_OUT")
	if out == "" {
		out = "/out"
	}
	if err := draw(filepath.Join(out, "heat.pgm"), plate); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "heat:", err)
	os.Exit(1)
}

// newPlate is cold, but for three hot squares.
func newPlate(size int) [][]float64 {
	cells := make([]float64, size*size)
	plate := make([][]float64, size)
	for y := range plate {
		plate[y] = cells[y*size : (y+1)*size]
	}
	for i, spot := range [][2]int{{1, 1}, {2, 3}, {3, 1}} {
		x, y, r := size*spot[0]/4, size*spot[1]/4, max(1, size/(8+4*i))
		for dy := max(1, y-r); dy < min(size-1, y+r); dy++ {
			for dx := max(1, x-r); dx < min(size-1, x+r); dx++ {
				plate[dy][dx] = float64(100 * (i + 1))
			}
		}
	}
	return plate
}

func step(next, plate [][]float64) {
	n := len(plate)
	for y := 1; y < n-1; y++ {
		up, row, down, out := plate[y-1][:n], plate[y][:n], plate[y+1][:n], next[y][:n]
		for x := 1; x < n-1; x++ {
			around := row[x-1] + row[x+1] + up[x] + down[x]
			out[x] = row[x] + float64(rate*(around-float64(4*row[x])))
		}
	}
}

func report(plate [][]float64, steps int) {
	sum := sha256.New()
	total, warmest, at := 0.0, 0.0, [2]int{}
	buf := make([]byte, 0, 8*len(plate))
	for y, row := range plate {
		buf = buf[:0]
		for x, v := range row {
			total += v
			if v > warmest {
				warmest, at = v, [2]int{x, y}
			}
			buf = binary.LittleEndian.AppendUint64(buf, math.Float64bits(v))
		}
		sum.Write(buf)
	}
	n := len(plate)
	fmt.Printf("cells    %d x %d, %d steps\n", n, n, steps)
	fmt.Printf("mean     %.9f\n", total/float64(n*n))
	fmt.Printf("warmest  %.9f at %d,%d\n", warmest, at[0], at[1])
	fmt.Printf("checksum %x\n", sum.Sum(nil))
}

// draw writes a portable graymap, 300 degrees as white.
func draw(path string, plate [][]float64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	fmt.Fprintf(w, "P5\n%d %d\n255\n", len(plate), len(plate))
	for _, row := range plate {
		for _, v := range row {
			w.WriteByte(byte(min(255, v*(255.0/300))))
		}
	}
	if err := w.Flush(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
