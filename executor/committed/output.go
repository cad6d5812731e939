// Package committed owns the way from the host state of a canonical machine to
// the bytes of a run's output. Every executor that keeps its files there uses
// it. It refuses state that is that of no run.
package committed

import (
	"path"

	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/machine/wasi"
	"github.com/capacloud/assay/merkle"
)

// Output reads the streams and /out of a run.
func Output(files *wasi.CommittedFiles) (*executor.OutputTree, error) {
	o := &output{files: files, tree: &executor.OutputTree{}}
	out, err := o.folder(files.Root(wasi.OutFolder), executor.OutName)
	if err != nil {
		return nil, err
	}
	entries := []merkle.Entry{out}
	for _, s := range []struct {
		name string
		root wasi.Root
	}{{executor.StderrName, wasi.Stderr}, {executor.StdoutName, wasi.Stdout}} {
		e, err := o.file(files.Root(s.root), s.name)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	o.tree.Root = o.tree.AddFolder("", entries).Digest
	return o.tree, nil
}

// output collects what a guest has written.
type output struct {
	files *wasi.CommittedFiles
	tree  *executor.OutputTree
}

func (o *output) folder(n wasi.Node, name string) (merkle.Entry, error) {
	var entries []merkle.Entry
	for i := uint64(0); ; i++ {
		child, below, ok, err := o.files.Entry(n, i)
		if err != nil {
			return merkle.Entry{}, err
		}
		if !ok {
			return o.tree.AddFolder(name, entries), nil
		}
		add := o.file
		if below.Kind == merkle.Folder {
			add = o.folder
		}
		e, err := add(below, path.Join(name, child))
		if err != nil {
			return merkle.Entry{}, err
		}
		entries = append(entries, e)
	}
}

func (o *output) file(n wasi.Node, name string) (merkle.Entry, error) {
	size, err := o.files.Length(n)
	if err != nil {
		return merkle.Entry{}, err
	}
	var b []byte
	if size > 0 {
		b = make([]byte, size)
	}
	if err := o.files.Read(n, b, 0); err != nil {
		return merkle.Entry{}, err
	}
	return o.tree.AddFile(name, b), o.files.Err()
}
