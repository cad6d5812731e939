package executor

import (
	"path"
	"strings"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// Names in the root folder of every output.
const (
	OutName    = "out"
	StderrName = "stderr"
	StdoutName = "stdout"
)

// OutputTree is an output folder with everything below it. Files and Folders
// are listed children first, by path; the root folder comes last. The bytes
// are shared, not copied: treat them as read-only.
type OutputTree struct {
	Root    canon.Digest
	Files   []OutputFile
	Folders []OutputFolder
}

// OutputFile is one file of an output. Its path is relative to the root folder
// and uses slashes, as in "stdout" or "out/table.csv".
type OutputFile struct {
	Path   string
	Digest canon.Digest
	Bytes  []byte
}

// OutputFolder is one folder of an output; the root folder's path is "".
type OutputFolder struct {
	Path    string
	Digest  canon.Digest
	Entries []merkle.Entry
}

// File returns the bytes of the file with the given path.
func (t *OutputTree) File(name string) ([]byte, bool) {
	for i := range t.Files {
		if t.Files[i].Path == name {
			return t.Files[i].Bytes, true
		}
	}
	return nil, false
}

// Stdout returns what the program wrote to its standard output.
func (t *OutputTree) Stdout() []byte {
	b, _ := t.File(StdoutName)
	return b
}

// Stderr returns what the program wrote to its standard error.
func (t *OutputTree) Stderr() []byte {
	b, _ := t.File(StderrName)
	return b
}

// Size returns the number of content bytes.
func (t *OutputTree) Size() uint64 {
	var total uint64
	for i := range t.Files {
		total += uint64(len(t.Files[i].Bytes))
	}
	return total
}

// EmptyOutput returns the output of a program that wrote nothing.
func EmptyOutput() *OutputTree {
	t := &OutputTree{}
	out := t.AddFolder(OutName, nil)
	stderr := t.AddFile(StderrName, nil)
	stdout := t.AddFile(StdoutName, nil)
	t.Root = t.AddFolder("", []merkle.Entry{out, stderr, stdout}).Digest
	return t
}

// AddFile appends a file and returns its entry for the folder above.
func (t *OutputTree) AddFile(name string, b []byte) merkle.Entry {
	f := OutputFile{Path: name, Digest: merkle.FileOf(b), Bytes: b}
	t.Files = append(t.Files, f)
	return merkle.Entry{Name: path.Base(name), Kind: merkle.File, Digest: f.Digest, Size: uint64(len(b))}
}

// AddFolder appends a folder, whose entries are sorted and already added, and
// returns its entry for the folder above.
func (t *OutputTree) AddFolder(name string, entries []merkle.Entry) merkle.Entry {
	f := OutputFolder{Path: strings.Trim(name, "/"), Digest: merkle.FolderDigest(entries), Entries: entries}
	t.Folders = append(t.Folders, f)
	return merkle.Entry{Name: path.Base(name), Kind: merkle.Folder, Digest: f.Digest, Size: merkle.FolderSize(entries)}
}
