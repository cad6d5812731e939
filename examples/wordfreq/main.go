// Wordfreq counts the words of every file in its input: data processing.
//
//	assay run ./examples/wordfreq --in book.txt
//	assay run ./examples/wordfreq --in shelf/ -- 5
//
// A word is a run of letters, folded to lower case. The argument is how many
// words to print, 20 by default, most frequent first and then by spelling; all
// of them go to counts.csv in the output. The order in which files are read
// cannot be seen, so any two machines print the same bytes.
//
// Natively: ASSAY_IN=shelf ASSAY_OUT=. go run ./examples/wordfreq
package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"unicode"
	"unicode/utf8"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "wordfreq:", err)
		os.Exit(1)
	}
}

func run() error {
	top := 20
	if len(os.Args) > 1 {
		n, err := strconv.Atoi(os.Args[1])
		if err != nil || n < 0 {
			return fmt.Errorf("usage: wordfreq [count], not %q", os.Args[1])
		}
		top = n
	}
	counts := counter{}
	if err := counts.folder(folder("ASSAY_IN", "/in")); err != nil {
		return err
	}
	rows := counts.sorted()
	out := bufio.NewWriter(os.Stdout)
	for _, r := range rows[:min(top, len(rows))] {
		fmt.Fprintf(out, "%s %d\n", r.word, r.count)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return writeCSV(filepath.Join(folder("ASSAY_OUT", "/out"), "counts.csv"), rows)
}

// folder is where a job finds its files, unless the variable says otherwise.
func folder(variable, fallback string) string {
	if dir := os.Getenv(variable); dir != "" {
		return dir
	}
	return fallback
}

// counter maps words to counts; pointers, so that a known word is counted
// without another copy of it.
type counter map[string]*int

func (c counter) folder(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		return c.file(bufio.NewReaderSize(f, 64<<10))
	})
}

func (c counter) file(r *bufio.Reader) error {
	var word []byte
	for {
		letter, _, err := r.ReadRune()
		if err == nil && unicode.IsLetter(letter) && letter != utf8.RuneError {
			word = utf8.AppendRune(word, unicode.ToLower(letter))
			continue
		}
		c.add(word)
		word = word[:0]
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (c counter) add(word []byte) {
	if len(word) == 0 {
		return
	}
	if n := c[string(word)]; n != nil { // the conversion does not allocate
		*n++
		return
	}
	one := 1
	c[string(word)] = &one
}

type row struct {
	word  string
	count int
}

func (c counter) sorted() []row {
	rows := make([]row, 0, len(c))
	for word, n := range c {
		rows = append(rows, row{word, *n})
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.word, b.word))
	})
	return rows
}

// writeCSV needs no quoting: words are letters.
func writeCSV(path string, rows []row) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "word,count")
	for _, r := range rows {
		fmt.Fprintf(w, "%s,%d\n", r.word, r.count)
	}
	if err := w.Flush(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
