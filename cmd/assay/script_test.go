package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"assay": func() { os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

func repositoryRoot(t *testing.T) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("no caller")
	}
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// TestScripts runs the real command line against testdata/script. `exits N
// COMMAND…` asserts an exit code, which `exec` does not.
func TestScripts(t *testing.T) {
	testscript.Run(t, scriptParams(t, "testdata/script"))
}

func scriptParams(t *testing.T, dir string) testscript.Params {
	root := repositoryRoot(t)
	return testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("ROOT", root)
			self, err := exec.LookPath("assay")
			if err != nil {
				return err
			}
			env.Setenv("ASSAY_BIN", filepath.Dir(self)) // a PATH without go
			env.Setenv("ASSAY_HOME", filepath.Join(env.WorkDir, "assay-home"))
			// Guests are compiled with the user's build cache: a cold one costs
			// seconds in every script.
			cache, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE", "GOPATH", "GOMODCACHE").Output()
			if err != nil {
				return fmt.Errorf("go env: %w", err)
			}
			lines := strings.Split(string(cache), "\n")
			env.Setenv("ASSAY_VECTORS", os.Getenv("ASSAY_VECTORS"))
			env.Setenv("GOCACHE", lines[0])
			env.Setenv("GOPATH", lines[1])
			env.Setenv("GOMODCACHE", lines[2])
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"bundle":  bundle,
			"exits":   exits,
			"flip":    flip,
			"module":  module,
			"special": special,
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "short":
				return testing.Short(), nil
			case "vectors":
				return os.Getenv("ASSAY_VECTORS") != "", nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
	}
}

var exitStatus = regexp.MustCompile(`exit status (\d+)`)

// exits runs a command and fails unless it ends with this code, or one of
// several: exits 0,3 COMMAND….
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		m := exitStatus.FindStringSubmatch(err.Error())
		if m == nil {
			ts.Fatalf("%v", err)
		}
		got, _ = strconv.Atoi(m[1])
	}
	if !slices.Contains(strings.Split(args[0], ","), strconv.Itoa(got)) {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// bundle runs the example that makes a circuit's folder: bundle circuit|circom DIR.
func bundle(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: bundle circuit|circom DIR")
	}
	cmd := exec.Command("go", "run", "./examples/"+args[0], ts.MkAbs(args[1])) //nolint:noctx // ends with the script
	cmd.Dir = ts.Getenv("ROOT")
	if out, err := cmd.CombinedOutput(); err != nil {
		ts.Fatalf("%v: %s", err, out)
	}
}

// flip copies a file with one bit changed: flip FILE OFFSET OUT. A negative
// offset counts from the end.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: flip FILE OFFSET OUT")
	}
	b := []byte(ts.ReadFile(args[0]))
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	if at < 0 {
		at += len(b)
	}
	b[at] ^= 1
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), b, 0o600))
}

// module writes one of the modules of modules_test.go: module NAME FILE.
func module(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 || modules[args[0]] == nil {
		ts.Fatalf("usage: module NAME FILE")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), modules[args[0]](), 0o600))
}

// special makes what no archive can carry: special link|fifo PATH.
func special(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: special link|fifo PATH")
	}
	switch path := ts.MkAbs(args[1]); args[0] {
	case "link":
		ts.Check(os.Symlink("/etc/passwd", path))
	case "fifo":
		ts.Check(syscall.Mkfifo(path, 0o600))
	default:
		ts.Fatalf("unknown kind %s", args[0])
	}
}
