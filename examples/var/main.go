// Var estimates the value at risk of a small portfolio: finance.
//
//	assay run ./examples/var                   200,000 paths, seed 1
//	assay run ./examples/var -- 50000 7
//
// It draws correlated daily returns of four positions, revalues the portfolio
// on each path and prints the losses that are exceeded on 5 % and 1 % of days,
// and the expected shortfall: the mean loss beyond them. Generator, normal
// deviates and exponential are written out below from + - * / and sqrt alone,
// with every product rounded before it is added: math.Exp and its kin are
// assembly on some machines, and their last bits differ.
//
// Natively: go run ./examples/var
package main

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
)

// position is one holding: its value in credits, and the mean and deviation of
// its daily logarithmic return.
type position struct {
	name             string
	value, mean, dev float64
}

var portfolio = []position{
	{"shares", 400_000, 0.0004, 0.012},
	{"bonds", 300_000, 0.0001, 0.004},
	{"metals", 200_000, 0.0002, 0.010},
	{"credits", 100_000, 0.0010, 0.035},
}

var correlation = [4][4]float64{
	{1, -0.2, 0.1, 0.5},
	{-0.2, 1, 0.2, -0.1},
	{0.1, 0.2, 1, 0.15},
	{0.5, -0.1, 0.15, 1},
}

func main() {
	paths, seed := uint64(200_000), uint64(1)
	for i, v := range []*uint64{&paths, &seed} {
		if len(os.Args) > i+1 {
			n, err := strconv.ParseUint(os.Args[i+1], 10, 64)
			if err != nil || (i == 0 && (n < 100 || n > 10_000_000)) {
				fmt.Fprintf(os.Stderr, "var: usage: var [paths [seed]], 100 to 10000000 paths, not %q\n", os.Args[i+1])
				os.Exit(1)
			}
			*v = n
		}
	}
	losses := simulate(paths, seed)
	slices.Sort(losses)
	total := 0.0
	for _, l := range losses {
		total += l
	}
	fmt.Printf("paths %d, seed %d\n", paths, seed)
	fmt.Printf("mean loss %12.2f\n", total/float64(paths))
	for _, level := range []uint64{95, 99} {
		worst := losses[paths*level/100:]
		tail := 0.0
		for _, l := range worst {
			tail += l
		}
		fmt.Printf("VaR %d    %12.2f   expected shortfall %12.2f\n", level, worst[0], tail/float64(len(worst)))
	}
}

// simulate returns the loss on each path.
func simulate(paths, seed uint64) []float64 {
	lower := cholesky(correlation)
	rng := pcg{state: seed}
	rng.next()
	losses := make([]float64, paths)
	for p := range losses {
		var z [4]float64
		for i := range z {
			z[i] = rng.normal()
		}
		for i, pos := range portfolio {
			shock := 0.0
			for j := 0; j <= i; j++ {
				shock += float64(lower[i][j] * z[j])
			}
			growth := exp(pos.mean + float64(pos.dev*shock))
			losses[p] += float64(pos.value * (1 - growth))
		}
	}
	return losses
}

// cholesky returns the lower triangle whose square is m.
func cholesky(m [4][4]float64) (l [4][4]float64) {
	for i := range l {
		for j := 0; j <= i; j++ {
			rest := m[i][j]
			for k := range j {
				rest -= float64(l[i][k] * l[j][k])
			}
			if i == j {
				l[i][j] = math.Sqrt(rest)
			} else {
				l[i][j] = rest / l[j][j]
			}
		}
	}
	return l
}

// pcg is the permuted congruential generator XSH-RR 64/32 (O'Neill 2014).
type pcg struct{ state uint64 }

func (g *pcg) next() uint32 {
	old := g.state
	g.state = old*6364136223846793005 + 1442695040888963407
	mixed := uint32((old>>18 ^ old) >> 27)
	turn := uint32(old >> 59)
	return mixed>>turn | mixed<<(-turn&31)
}

// uniform returns a number in [0, 1) with 32 random bits.
func (g *pcg) uniform() float64 { return float64(g.next()) / (1 << 32) }

// normal sums twelve uniforms (Irwin-Hall): mean 0, deviation 1, no logarithm
// needed. Its tails end at 6 deviations, which a real model would not accept.
func (g *pcg) normal() float64 {
	sum := -6.0
	for range 12 {
		sum += g.uniform()
	}
	return sum
}

// exp is e to the x for |x| < 700: halved until small, a Taylor polynomial,
// then squared back.
func exp(x float64) float64 {
	halvings := 0
	for x > 0.0625 || x < -0.0625 {
		x /= 2
		halvings++
	}
	sum := 1.0
	for k := 10.0; k >= 1; k-- { // Horner: 1 + x/1 (1 + x/2 (1 + …))
		sum = 1 + float64(x*sum)/k
	}
	for range halvings {
		sum *= sum
	}
	return sum
}
