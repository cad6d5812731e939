package main

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// network is a validator and providers, each a process of its own.
type network struct {
	home
	dir, url, id, anchor string
	validator            *proc
	providers            map[string]*proc // by key
}

// startNetwork starts a network with short clocks.
func startNetwork(t *testing.T, providers int) *network {
	t.Helper()
	n := &network{home: newHome(t), providers: map[string]*proc{}}
	n.dir = filepath.Join(n.home.dir, "validator")
	var made struct{ Network, Anchor string }
	n.ok(t, 0, "validator", "init", "--dir", n.dir, "--kind", "dev", "--json").object(&made)
	n.id, n.anchor = made.Network, made.Anchor
	n.startValidator(t, "127.0.0.1:0")
	for i := range providers {
		p := n.start(t, "provider", "--network", n.url, "--dir", filepath.Join(n.home.dir, "p"+string(rune('1'+i))), "--json")
		var v struct{ Provider, URL string }
		p.object(&v)
		n.providers[v.Provider] = p
	}
	return n
}

func (n *network) startValidator(t *testing.T, listen string) {
	t.Helper()
	n.validator = n.start(t, "validator", "--dir", n.dir, "--listen", listen, "--json")
	var v struct{ URL, Network string }
	n.validator.object(&v)
	if v.Network != n.id || !strings.HasPrefix(v.URL, "http://127.0.0.1:") {
		t.Fatalf("%+v", v)
	}
	n.url = v.URL
}

// run submits an example and returns the finished process.
func (n *network) job(t *testing.T, want int, args ...string) *proc {
	t.Helper()
	return n.ok(t, want, append([]string{"run", "--network", n.url, "--fuel", "100000000"}, args...)...)
}

// TestProcesses runs jobs on a network of processes, kills them without
// warning, and looks at what is left.
func TestProcesses(t *testing.T) {
	needProcesses(t)
	t.Parallel()
	n := startNetwork(t, 4)
	sieve := filepath.Join(repositoryRoot(t), "examples/c/sieve")

	n.job(t, 0, sieve, "--receipt", "first", "--", "1000").await(&n.job(t, 0, sieve, "--receipt", "second", "--", "1000").out, "primes up to 1000: 168")
	n.ok(t, 0, "verify", "first", "--trust", n.anchor)
	n.ok(t, 0, "verify", "first", "--trust", n.anchor, "--rerun")
	list := n.ok(t, 0, "job", "list", "--network", n.url)
	first := list.await(&list.out, `(sha256:[0-9a-f]{64}) +settled +accepted`)[1]
	n.looks(t, first)

	// Money, with a key of one's own.
	n.ok(t, 0, "key", "new", "mine", "--machine")
	key := strings.TrimSpace(n.ok(t, 0, "key", "show", "mine").out.String())
	n.ok(t, 2, "key", "new", "mine", "--machine")
	n.ok(t, 0, "account", "send", key, "5000", "--network", n.url)
	n.ok(t, 2, "account", "send", key, "many", "--network", n.url)
	n.holds(t, key, "5,000")

	// The validator dies and comes back: what it had acknowledged stands, and
	// the providers find it again.
	n.validator.signal(syscall.SIGKILL)
	n.validator.exit()
	n.ok(t, 4, "account", "show", key, "--network", n.url)
	u, err := url.Parse(n.url)
	if err != nil {
		t.Fatal(err)
	}
	n.startValidator(t, u.Host)
	n.holds(t, key, "5,000")
	n.looks(t, first)
	n.job(t, 0, sieve, "--receipt", "third", "--", "1000")
	n.ok(t, 0, "verify", "third", "--trust", n.anchor)

	n.killProvider(t)
	n.leave(t)

	for _, p := range n.providers {
		if p.cmd.ProcessState == nil {
			p.signal(syscall.SIGINT)
		}
	}
	n.validator.signal(syscall.SIGTERM)
	if got := n.validator.exit(); got != exitOK {
		t.Errorf("the validator exits %d", got)
	}
	n.validator.leavesNothing(n.home)
}

// looks reads a settled job in every way.
func (n *network) looks(t *testing.T, job string) {
	t.Helper()
	p := n.ok(t, 0, "job", "show", job, "--network", n.url)
	p.await(&p.out, `phase +settled`)
	p = n.ok(t, 0, "job", "explain", job, "--network", n.url)
	p.await(&p.out, `(?s)draw +asked.*coin +30,000 to .*: executed.*coin .*: refund`)
	n.ok(t, 0, "job", "show", job, "--network", n.url, "--json")
	n.ok(t, 1, "job", "show", "sha256:"+strings.Repeat("0", 64), "--network", n.url)
	for key := range n.providers {
		p = n.ok(t, 0, "account", "explain", key, "--network", n.url)
		p.await(&p.out, `locked +50,000,000: free-stake`)
		break
	}
}

func (n *network) holds(t *testing.T, key, amount string) {
	t.Helper()
	p := n.ok(t, 0, "account", "show", key, "--network", n.url)
	p.await(&p.out, `(?m)^balance +`+amount+`$`)
}

// killProvider kills a drawn provider while it executes: another one is drawn,
// and the job finishes.
func (n *network) killProvider(t *testing.T) {
	t.Helper()
	run := n.start(t, "run", writeModule(t, n.home.dir, "loop"), "--network", n.url, "--fuel", "1000000000", "--receipt", "killed")
	short := run.await(&run.err, `assigned +([0-9a-f]{8}) `)[1]
	for key, p := range n.providers {
		if strings.HasPrefix(strings.TrimPrefix(key, "ed25519:"), short) {
			p.signal(syscall.SIGKILL)
			p.exit()
		}
	}
	if got := run.exit(); got != exitProgram {
		t.Fatalf("exit %d\n%s", got, run.err.String())
	}
	run.await(&run.err, short+`: did not commit in time`)
	n.ok(t, 0, "verify", "killed", "--trust", n.anchor)
}

// leave interrupts whoever follows a job: the job goes on without them.
func (n *network) leave(t *testing.T) {
	t.Helper()
	run := n.start(t, "run", writeModule(t, n.home.dir, "loop"), "--network", n.url, "--fuel", "900000000", "--receipt", "left")
	run.await(&run.err, `executing`)
	run.signal(syscall.SIGINT)
	if got := run.exit(); got != exitInterrupted {
		t.Errorf("exit %d", got)
	}
	id := run.await(&run.err, `continue:  assay job show (sha256:\S+) --network http://`)[1]
	n.ok(t, 0, "job", "show", id, "--network", n.url)
	if _, err := os.Stat(filepath.Join(n.home.dir, "left")); err == nil {
		t.Error("a receipt of an unsettled job")
	}
}

// TestPublicNetwork: no faucet, so whoever has nothing can do nothing, and
// learns so before anything is sent.
func TestPublicNetwork(t *testing.T) {
	needProcesses(t)
	t.Parallel()
	h := newHome(t)
	h.ok(t, 0, "key", "new", "rich", "--machine")
	h.ok(t, 0, "key", "new", "poor", "--machine")
	key := strings.TrimSpace(h.ok(t, 0, "key", "show", "rich").out.String())
	h.ok(t, 2, "validator", "init", "--dir", "bad", "--alloc", key+"=much")
	h.ok(t, 2, "validator", "init", "--dir", "bad2", "--kind", "private")
	h.ok(t, 0, "validator", "init", "--dir", "v", "--alloc", key+"=1000000")
	h.ok(t, 2, "validator", "init", "--dir", "v")
	v := h.start(t, "validator", "--dir", "v", "--json")
	var at struct{ URL string }
	v.object(&at)

	file := writeModule(t, h.dir, "exit7")
	p := h.ok(t, 2, "run", file, "--network", at.URL)
	p.await(&p.err, `assay: no-key: `)
	p = h.ok(t, 2, "run", file, "--network", at.URL, "--key", "poor")
	p.await(&p.err, `assay: insufficient-balance: .*nothing was submitted`)
	p = h.ok(t, 2, "provider", "--network", at.URL, "--key", "poor")
	p.await(&p.err, `assay: insufficient-balance: `)
	h.ok(t, 0, "account", "send", "poor", "5000", "--network", at.URL, "--key", "rich")
	p = h.ok(t, 0, "account", "show", "poor", "--network", at.URL)
	p.await(&p.out, `(?m)^balance +5,000$`)
	p = h.ok(t, 2, "account", "send", "rich", "1000000", "--network", at.URL, "--key", "poor")
	p.await(&p.err, `assay: insufficient-balance: `)

	// Two processes do not share a folder.
	p = h.ok(t, 2, "validator", "--dir", "v")
	p.await(&p.err, `assay: home-in-use: `)
}

// TestUnreachable loses the network under a job: exit 4, the job's id, and how
// to go on.
func TestUnreachable(t *testing.T) {
	needProcesses(t)
	t.Parallel()
	n := startNetwork(t, 0)
	file := writeModule(t, n.home.dir, "exit7")
	// Without providers a draw waits; nobody answers it any more.
	run := n.start(t, "run", file, "--network", n.url, "--json", "--deadline", "10m")
	run.await(&run.err, `(?m)^job `)
	n.validator.signal(syscall.SIGKILL)
	if got := run.exit(); got != exitUnreachable {
		t.Fatalf("exit %d", got)
	}
	var v struct {
		Job   string
		Error failure
	}
	run.object(&v)
	if !strings.HasPrefix(v.Job, "sha256:") || v.Error.Code != codeUnreachable {
		t.Errorf("%+v", v)
	}
	run.await(&run.err, `assay job show `+v.Job+` --network http://`)
	if _, err := os.Stat(filepath.Join(n.home.dir, "exit7.receipt")); err == nil {
		t.Error("a receipt of an unsettled job")
	}
}
