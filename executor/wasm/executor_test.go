package wasm

import (
	"context"
	"testing"
	"time"
)

func TestWorld(t *testing.T) {
	s := newShelf()
	job := jobOf(s, goGuest(t, "world"))
	job.Args = []string{"world", "one", "two words"}
	job.Env = []string{"GREETING=hello"}
	job.Stdin = s.file([]byte("from standard input"))
	job.Input = s.folder(map[string]any{
		"words": map[string]any{"a.txt": []byte("alpha beta"), "b.txt": make([]byte, 150_000)},
		"empty": map[string]any{},
		"z":     []byte{},
	})
	x := newExecutor(t, Options{})
	at := time.Now()
	out, err := x.Execute(context.Background(), job, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(time.Since(at))
	t.Logf("%+v\n%s\n%s\n%s", out.Result, out.Output.Stdout(), out.Output.Stderr(), out.Detail)
	for _, f := range out.Output.Files {
		t.Log(f.Path, len(f.Bytes))
	}
}
