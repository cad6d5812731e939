// Command bomb takes more than it is given.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Println("lit", os.Args[1])
	switch os.Args[1] {
	case "memory":
		var keep [][]byte
		for {
			keep = append(keep, make([]byte, 1<<20))
			keep[len(keep)-1][0] = 1
		}
	case "output":
		for {
			os.Stdout.Write(make([]byte, 4096))
		}
	case "file":
		f, _ := os.Create("/out/f")
		f.Truncate(1 << 40)
	case "loop":
		for i := 0; ; i++ {
		}
	case "recursion":
		fmt.Println(deeper(1))
	case "nil":
		var p *int
		*p = 1
	}
}

//go:noinline
func deeper(n int) int {
	if n == 0 {
		return 0
	}
	return deeper(n+1) + n
}
