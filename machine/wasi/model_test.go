package wasi

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/capacloud/assay/merkle"
)

// model is the naive file system: paths to contents, folders end in a slash.
type model map[string]string

func (m model) isDir(p string) bool {
	_, ok := m[p+"/"]
	return p == "." || ok
}

func (m model) isFile(p string) bool {
	_, ok := m[p]
	return ok
}

func (m model) below(p string) []string {
	var list []string
	for name := range m {
		if strings.HasPrefix(name, p+"/") && name != p+"/" {
			list = append(list, name)
		}
	}
	return list
}

// TestOutAgainstModel compares /out with the model after random operations.
func TestOutAgainstModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		g := newGuest(t, testConfig())
		m := model{}
		paths := rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 3), func(p []string) string { return path.Join(p...) })
		for range rapid.IntRange(1, 40).Draw(r, "operations") {
			p := paths.Draw(r, "path")
			up := m.isDir(path.Dir(p))
			var got Errno
			var want bool
			op := rapid.SampledFrom([]string{"write", "append", "truncate", "mkdir", "unlink", "rmdir", "rename"}).Draw(r, "operation")
			switch op {
			case "write", "append", "truncate":
				got, want = g.modelWrite(r, m, op, p, up)
			case "mkdir":
				got = g.path(PathCreateDirectory, 4, p)
				if want = up && !m.isDir(p) && !m.isFile(p); want {
					m[p+"/"] = ""
				}
			case "unlink":
				got = g.path(PathUnlinkFile, 4, p)
				if want = m.isFile(p); want {
					delete(m, p)
				}
			case "rmdir":
				got = g.path(PathRemoveDirectory, 4, p)
				if want = m.isDir(p) && len(m.below(p)) == 0; want {
					delete(m, p+"/")
				}
			case "rename":
				to := paths.Draw(r, "to")
				got, want = g.rename(p, to), m.rename(p, to)
				op += " to " + to
			}
			if (got == Success) != want {
				r.Fatalf("%s %s: errno %d, the model says %v; tree %v", op, p, got, want, m)
			}
		}
		g.compare(r, m)
	})
}

func (g *guest) modelWrite(r *rapid.T, m model, op, p string, up bool) (Errno, bool) {
	flags, fdFlags := uint64(openCreate), uint64(0)
	switch op {
	case "append":
		fdFlags = fdAppend
	case "truncate":
		flags |= openTruncate
	}
	fd, errno := g.open(4, p, flags, fileRights, fdFlags)
	if errno != Success {
		return errno, up && !m.isDir(p)
	}
	text := rapid.StringN(0, 20, 2000).Draw(r, "text")
	g.mustWrite(fd, text)
	g.ok(FdClose, fd)
	old := m[p]
	switch {
	case op == "append":
		m[p] = old + text
	case op == "truncate" || len(text) >= len(old):
		m[p] = text
	default:
		m[p] = text + old[len(text):]
	}
	return Success, up
}

func (m model) rename(p, to string) bool {
	upTo := m.isDir(path.Dir(to))
	switch {
	case m.isFile(p):
		if !upTo || m.isDir(to) {
			return false
		}
		content := m[p]
		delete(m, p)
		m[to] = content
		return true
	case !m.isDir(p):
		return false
	case p == to:
		return true
	case strings.HasPrefix(to+"/", p+"/") || !upTo || m.isFile(to) || m.isDir(to) && len(m.below(to)) > 0:
		return false
	}
	for _, name := range append(m.below(p), p+"/") {
		content := m[name]
		delete(m, name)
		m[to+strings.TrimPrefix(name, p)] = content
	}
	return true
}

// compare reads /out back in both ways: through calls and through Visit.
func (g *guest) compare(r *rapid.T, m model) {
	got := model{}
	var total uint64
	g.fs.Visit(OutFolder, func(p string, n Node, content []byte) {
		switch {
		case p == "":
		case n.Kind == merkle.Folder:
			got[p+"/"] = ""
		default:
			got[p] = string(content)
			total += uint64(len(content))
		}
	})
	if diff := cmp.Diff(m, got); diff != "" {
		r.Fatal(diff)
	}
	used, nodes := g.fs.Used()
	if used != total || int(nodes) != len(m) {
		r.Fatalf("%d bytes, %d nodes; want %d and %d", used, nodes, total, len(m))
	}
	var walk func(fd uint64, prefix string)
	listed := 0
	walk = func(fd uint64, prefix string) {
		list := g.list(fd, 4096, 0)
		if !slices.IsSorted(names(list)) {
			r.Fatalf("unsorted: %v", names(list))
		}
		for _, e := range list {
			listed++
			if e.kind == typeDirectory {
				sub := g.mustOpenFolder(fd, e.name)
				walk(sub, prefix+e.name+"/")
				g.ok(FdClose, sub)
			} else if s, _ := g.readAll(4, prefix+e.name); s != m[prefix+e.name] {
				r.Fatalf("%s%s: read %q", prefix, e.name, s)
			}
		}
	}
	walk(4, "")
	if listed != len(m) {
		r.Fatalf("listed %d entries of %d", listed, len(m))
	}
}

func (g *guest) readAll(dir uint64, p string) (string, error) {
	fd := g.mustOpen(dir, p, 0)
	defer g.ok(FdClose, fd)
	var all string
	for {
		s, errno := g.read(fd, 1000)
		if errno != Success {
			return "", fmt.Errorf("errno %d", errno)
		}
		if all += s; s == "" {
			return all, nil
		}
	}
}
