// Command witness is the witness program of a circuit: it reads two numbers in
// words of its own and prints a value for every input and output.
package main

import (
	"fmt"
	"math/big"
	"os"
)

func main() {
	var x, k int64
	if _, err := fmt.Scanf("x is %d, k is %d\n", &x, &k); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	y := big.NewInt(x)
	y.Exp(y, big.NewInt(4), nil).Mul(y, big.NewInt(k))
	if len(os.Args) > 1 && os.Args[1] == "lie" {
		y.Add(y, big.NewInt(1))
	}
	fmt.Printf(`{"X":%d,"K":%d,"out":["%d"]}`, x, k, y)
}
