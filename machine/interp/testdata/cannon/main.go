// Cannon counts the primes below 2^20 with a sieve, eight times. The same source is
// built for cannon (linux/mips64) and for the canonical machine (wasip1/wasm).
package main

import (
	"os"
	"strconv"
)

func main() {
	const n = 1 << 20
	sieve := make([]bool, n)
	count := 0
	for range 8 {
		count = 0
		for i := range sieve {
			sieve[i] = true
		}
		for i := 2; i < n; i++ {
			if sieve[i] {
				count++
				for j := i + i; j < n; j += i {
					sieve[j] = false
				}
			}
		}
	}
	if _, err := os.Stdout.WriteString(strconv.Itoa(count) + "\n"); err != nil {
		panic(err)
	}
}
