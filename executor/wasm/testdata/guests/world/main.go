// Command world looks at everything that a guest of wasm/1 can see: arguments,
// environment, standard input, /in, the clock and random numbers. It uses /out
// in every way that package os offers.
package main

import (
	crand "crypto/rand"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

func main() {
	fmt.Println("args", os.Args[1:], "env", os.Getenv("GREETING"))
	stdin, err := io.ReadAll(os.Stdin)
	check(err)
	fmt.Printf("stdin %d bytes %.20q\n", len(stdin), stdin)
	input()
	output()
	clock()
	var b [8]byte
	_, err = crand.Read(b[:])
	check(err)
	fmt.Fprintf(os.Stderr, "random %x %d\n", b, rand.Uint64())
	m := map[int]int{}
	for i := range 20 {
		m[i] = i
	}
	for k := range m {
		fmt.Fprint(os.Stderr, k, " ")
	}
	fmt.Fprintln(os.Stderr, "done")
	os.Exit(3)
}

func input() {
	check(filepath.Walk("/in", func(path string, info fs.FileInfo, err error) error {
		check(err)
		fmt.Println("walk", path, info.Size(), info.IsDir(), info.ModTime().UTC().Format(time.RFC3339))
		return nil
	}))
	b, err := os.ReadFile("/in/words/a.txt")
	check(err)
	fmt.Printf("read %d %.30q\n", len(b), b)
	b, err = os.ReadFile("words/b.txt") // the working folder is /in
	check(err)
	fmt.Printf("read %d\n", len(b))
	fmt.Println("write to /in:", os.WriteFile("/in/x", nil, 0o600))
	_, err = os.Open("/in/missing")
	fmt.Println("missing:", err)
	_, err = os.ReadFile("/etc/passwd")
	fmt.Println("elsewhere:", err)
}

func output() {
	check(os.MkdirAll("/out/a/b/c", 0o700))
	check(os.WriteFile("/out/a/b/c/deep.txt", []byte("deep"), 0o600))
	check(os.WriteFile("/out/big", make([]byte, 200_000), 0o600))
	check(os.Rename("/out/big", "/out/a/moved"))
	check(os.Truncate("/out/a/moved", 100_000))
	f, err := os.OpenFile("/out/log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	check(err)
	for i := range 3 {
		fmt.Fprintln(f, "line", i)
	}
	check(f.Close())
	f, err = os.OpenFile("/out/log", os.O_RDWR, 0)
	check(err)
	_, err = f.WriteAt([]byte("LINE"), 7)
	check(err)
	_, err = f.Seek(-7, io.SeekEnd)
	check(err)
	rest, err := io.ReadAll(f)
	check(err)
	fmt.Printf("tail %q\n", rest)
	check(f.Sync())
	check(f.Close())
	check(os.MkdirAll("/out/gone/deeper", 0o700))
	for i := range 30 {
		check(os.WriteFile(fmt.Sprintf("/out/gone/f%02d", i), []byte("x"), 0o600))
	}
	check(os.RemoveAll("/out/gone"))
	check(os.Chtimes("/out/log", time.Unix(1, 0), time.Unix(2, 0)))
	list, err := os.ReadDir("/out/a")
	check(err)
	for _, e := range list {
		info, err := e.Info()
		check(err)
		fmt.Println("entry", e.Name(), e.IsDir(), info.Size())
	}
	temp, err := os.CreateTemp("/out", "tmp*")
	check(err)
	check(os.Remove(temp.Name()))
	_, err = temp.WriteString("nobody sees this")
	check(err)
	check(temp.Close())
	fmt.Println("symlink:", os.Symlink("log", "/out/link"))
	fmt.Println("rmdir:", os.Remove("/out/a"))
}

func clock() {
	fmt.Println("now", time.Now().UTC().Format(time.DateTime))
	before := time.Now()
	time.Sleep(90 * time.Minute)
	slept := time.Since(before)
	fmt.Println("slept", slept.Truncate(time.Minute))
	timer := time.NewTimer(time.Second)
	select {
	case <-timer.C:
	case <-time.After(time.Hour):
		fmt.Println("the later timer came first")
	}
	fmt.Println("now", time.Now().UTC().Format(time.DateTime))
}

func check(err error) {
	if err != nil {
		fmt.Println("failed:", err)
		panic(err)
	}
}
