package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a process may take for what a test waits for. It only
// bounds a failure: nothing is slept.
const patience = time.Minute

// proc is a running command line, in a process group of its own.
type proc struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  output // stdout
	err  output // stderr
	done chan struct{}
}

// output collects what a process writes and lets others wait for it.
type output struct {
	mu    sync.Mutex
	bytes bytes.Buffer
	more  chan struct{} // closed and replaced at every write
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.more != nil {
		close(o.more)
		o.more = nil
	}
	return o.bytes.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.bytes.String()
}

func (o *output) next() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.more == nil {
		o.more = make(chan struct{})
	}
	return o.more
}

// home is a user with nothing but a build cache.
type home struct{ dir, tmp string }

func newHome(t *testing.T) home {
	t.Helper()
	h := home{dir: t.TempDir()}
	h.tmp = filepath.Join(h.dir, "tmp")
	if err := os.Mkdir(h.tmp, 0o700); err != nil {
		t.Fatal(err)
	}
	return h
}

// start runs the real command line in the folder of a user.
func (h home) start(t *testing.T, args ...string) *proc {
	t.Helper()
	p := &proc{t: t, cmd: exec.CommandContext(t.Context(), "assay", args...), done: make(chan struct{})}
	p.cmd.Dir = h.dir
	p.cmd.Env = append(os.Environ(), "ASSAY_HOME="+filepath.Join(h.dir, "assay"), "TMPDIR="+h.tmp)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // the exit code says it
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("assay %q\n%s%s", args, p.out.String(), p.err.String())
		}
	})
	return p
}

// await waits until an output matches, and returns the groups of the match.
func (p *proc) await(o *output, pattern string) []string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	late := time.After(patience)
	ended := p.done
	for {
		more := o.next()
		if m := re.FindStringSubmatch(o.String()); m != nil {
			return m
		}
		if ended == nil {
			p.t.Fatalf("%q ended without %q", p.cmd.Args, pattern)
		}
		select {
		case <-more:
		case <-ended:
			ended = nil // look once more
		case <-late:
			p.t.Fatalf("%q does not say %q", p.cmd.Args, pattern)
		}
	}
}

// exit waits for the end and returns the exit code.
func (p *proc) exit() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatalf("%q does not end", p.cmd.Args)
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *proc) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// leavesNothing fails if a process of the group lives on or a temporary file
// is left.
func (p *proc) leavesNothing(h home) {
	p.t.Helper()
	if err := syscall.Kill(-p.cmd.Process.Pid, 0); !errors.Is(err, syscall.ESRCH) {
		p.t.Errorf("a process of %q lives on: %v", p.cmd.Args, err)
	}
	list, err := os.ReadDir(h.tmp)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, d := range list {
		p.t.Errorf("%q left %s", p.cmd.Args, d.Name())
	}
}

// object decodes the first JSON object of an output, once it is complete.
func (p *proc) object(v any) {
	p.t.Helper()
	p.await(&p.out, `(?m)^}$`)
	if err := json.NewDecoder(bytes.NewReader([]byte(p.out.String()))).Decode(v); err != nil {
		p.t.Fatal(err)
	}
}

// ok runs a command to its end and expects an exit code.
func (h home) ok(t *testing.T, want int, args ...string) *proc {
	t.Helper()
	p := h.start(t, args...)
	if got := p.exit(); got != want {
		t.Fatalf("assay %q exits %d, want %d\n%s%s", args, got, want, p.out.String(), p.err.String())
	}
	return p
}

func writeModule(t *testing.T, dir, name string) string {
	t.Helper()
	file := filepath.Join(dir, name+".wasm")
	if err := os.WriteFile(file, modules[name](), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// needProcesses skips what costs seconds.
func needProcesses(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: processes take seconds")
	}
}

// TestInterrupt stops a run in each of its phases.
func TestInterrupt(t *testing.T) {
	needProcesses(t)
	t.Parallel()
	root := repositoryRoot(t)
	for _, c := range []struct {
		phase string
		line  string // interrupted when this stands there
		args  func(h home) []string
		job   bool
	}{
		{"compiling Go", `guest +compiling Go`, func(home) []string { return []string{"run", "--json", filepath.Join(root, "examples/heat")} }, false},
		{"compiling wasm", `compiling +wasm`, func(h home) []string {
			return []string{"run", "--json", goModule(t, root)}
		}, false},
		{"starting", `network +in-process: starting`, func(h home) []string { return []string{"run", "--json", writeModule(t, h.dir, "loop")} }, false},
		{"executing", `executing +0/3`, func(h home) []string {
			return []string{"run", "--json", writeModule(t, h.dir, "loop"), "--fuel", "1000000000000"}
		}, true},
		{"tagging", `fault`, func(h home) []string {
			return []string{"run", "--json", writeModule(t, h.dir, "exit7"), "--fuel", "1000000", "--providers", "5", "--withhold", "4"}
		}, true},
		{"checking", `executing +canonical machine`, func(h home) []string {
			return []string{"check", "--json", writeModule(t, h.dir, "loop"), "--fuel", "3000000000"}
		}, false},
	} {
		t.Run(c.phase, func(t *testing.T) {
			t.Parallel()
			h := newHome(t)
			p := h.start(t, c.args(h)...)
			p.await(&p.err, c.line)
			p.signal(syscall.SIGINT)
			if got := p.exit(); got != exitInterrupted {
				t.Errorf("exit %d", got)
			}
			p.leavesNothing(h)
			var v struct {
				Job   string
				Error failure
			}
			p.object(&v)
			if v.Error.Code != codeInterrupted || c.job != (v.Job != "") {
				t.Errorf("%+v", v)
			}
		})
	}
}

// goModule compiles an example, whose wasm takes a compiler a second.
func goModule(t *testing.T, root string) string {
	t.Helper()
	p, err := buildGo(t.Context(), filepath.Join(root, "examples/wordfreq"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "wordfreq.wasm")
	if err := os.WriteFile(file, p.bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestDev starts a network to work against and ends it.
func TestDev(t *testing.T) {
	needProcesses(t)
	t.Parallel()
	h := newHome(t)
	p := h.start(t, "dev", "--json", "--providers", "3")
	var v struct{ URL, Network, Anchor string }
	p.object(&v)
	h.ok(t, 10, "run", writeModule(t, h.dir, "exit7"), "--network", v.URL, "--fuel", "100000000")
	h.ok(t, 0, "verify", "exit7.receipt", "--trust", v.Anchor)
	h.ok(t, 0, "account", "show", "--network", v.URL)
	p.signal(syscall.SIGINT)
	if got := p.exit(); got != exitOK {
		t.Errorf("exit %d", got)
	}
	p.leavesNothing(h)
	h.ok(t, 4, "job", "list", "--network", v.URL)
}

var _ io.Writer = (*output)(nil)
