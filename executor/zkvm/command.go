package zkvm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/capacloud/assay/zk/casefile"
)

// maxWords bounds what is repeated of a command that failed.
const maxWords = 400

// Command returns a prover that runs a program: it writes the request to its
// standard input as one JSON object and reads a case file from its standard output.
func Command(name string, args ...string) func(context.Context, *Request) ([]byte, error) {
	return func(ctx context.Context, r *Request) ([]byte, error) {
		request, err := json.Marshal(r)
		if err != nil {
			return nil, err
		}
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Stdin = bytes.NewReader(request)
		var words bytes.Buffer
		out := limited{max: casefile.MaxFile}
		cmd.Stdout, cmd.Stderr = &out, &words
		if err := cmd.Run(); err != nil {
			text := strings.TrimSpace(words.String())
			return nil, fmt.Errorf("%s: %w: %s", name, err, text[:min(len(text), maxWords)])
		}
		return out.b, nil
	}
}

// limited keeps what is written to it, up to a limit.
type limited struct {
	b   []byte
	max int
}

var errTooLong = errors.New("it prints more than a case file")

// Write implements io.Writer.
func (l *limited) Write(b []byte) (int, error) {
	if len(l.b)+len(b) > l.max {
		return 0, errTooLong
	}
	l.b = append(l.b, b...)
	return len(b), nil
}

// Folder reads every .json file of a folder that holds a valid proof of a zkVM,
// in order of name. Others are somebody's notes.
func Folder(dir string) ([]Proof, error) {
	var list []Proof
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if p, _, _, err := ReadProof(b); err == nil {
			list = append(list, *p)
		}
		return nil
	})
	return list, err
}
