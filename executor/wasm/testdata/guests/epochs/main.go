// Epochs is an epoch program that keeps state of every kind: memory that grows,
// an open file, a folder of files, the clock and random numbers.
//
//	epochs [epochs [exit|trap at]]
package main

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"strconv"
	"time"
)

var (
	epochs = 5
	kind   string
	at     int

	epoch int
	sum   [32]byte
	all   [][]byte
	log   *os.File
	began time.Time
)

func main() {}

//go:wasmexport assay_init
func begin() {
	if len(os.Args) > 1 {
		epochs, _ = strconv.Atoi(os.Args[1])
	}
	if len(os.Args) > 3 {
		kind = os.Args[2]
		at, _ = strconv.Atoi(os.Args[3])
	}
	began = time.Now()
	log, _ = os.Create("/out/log.txt")
	if b, err := os.ReadFile("/in/seed.txt"); err == nil {
		sum = sha256.Sum256(b)
	}
}

//go:wasmexport assay_step
func step() int32 {
	epoch++
	if epoch == at {
		switch kind {
		case "exit":
			os.Exit(7)
		case "trap":
			var nothing []int
			fmt.Println(nothing[epoch])
		}
	}
	if epoch > epochs {
		return 0
	}
	b := make([]byte, 200<<10)
	rand.Read(b[:64])
	for i := range b {
		b[i] += sum[i%32]
	}
	all = append(all, b)
	sum = sha256.Sum256(append(sum[:], b...))
	fmt.Fprintf(log, "epoch %d after %d: %x\n", epoch, time.Since(began), sum[:8])
	os.Mkdir("/out/files", 0o755)
	os.WriteFile(fmt.Sprintf("/out/files/%d.bin", epoch%3), b[:5000*epoch], 0o644)
	if epoch%4 == 0 {
		os.Remove("/out/files/1.bin")
	}
	return 1
}

//go:wasmexport assay_finish
func end() {
	fmt.Fprintf(log, "done\n")
	log.Close()
	fmt.Printf("%d epochs, %d blocks, %x\n", epoch-1, len(all), sum)
}
