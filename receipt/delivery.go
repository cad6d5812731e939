package receipt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/merkle"
)

// CheckOutput compares delivered bytes with the accepted result and sets the
// report's reason to output-differs when they are others. The folder holds
// stdout, stderr and out, as `assay run --out` writes them; nothing more.
// Reports that name no accepted result are left as they are.
func (r *Report) CheckOutput(delivered fs.FS) error {
	if r.Result == nil || r.file == nil || r.Exit == ExitBroken {
		return nil
	}
	entries, err := folderOf(delivered, ".", 0)
	if refusal := (*assay.Refusal)(nil); errors.As(err, &refusal) {
		r.because(CodeOutputDiffers, refusal.Detail)
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the delivered output: %w", err)
	}
	want := r.file.Record.Verdict.Result.Output
	if merkle.FolderDigest(entries) == want || merkle.FolderDigest(withOut(entries)) == want {
		r.Findings = append(r.Findings, Line{Check: "output", Outcome: assay.Supported.String(), Text: fmt.Sprintf("the %d delivered bytes are those of the result", merkle.FolderSize(entries))})
		return nil
	}
	r.because(CodeOutputDiffers, "the delivered folder is not "+want.String()+r.firstDifference(entries))
	return nil
}

// withOut adds the empty folder out, which a delivery may leave out.
func withOut(entries []merkle.Entry) []merkle.Entry {
	for _, e := range entries {
		if e.Name == outName {
			return entries
		}
	}
	list := append([]merkle.Entry{{Name: outName, Kind: merkle.Folder, Digest: merkle.FolderDigest(nil)}}, entries...)
	merkle.SortEntries(list)
	return list
}

// firstDifference names a path for people; the digest has decided already.
func (r *Report) firstDifference(got []merkle.Entry) string {
	if len(r.file.Artifacts.Output) == 0 {
		return "" // not listed: nobody had the bytes
	}
	have := map[string]merkle.Entry{}
	for _, e := range got {
		have[e.Name] = e
	}
	for _, e := range r.file.Artifacts.Output {
		if h, ok := have[e.Name]; !ok {
			return fmt.Sprintf("; %s is missing", e.Name)
		} else if h != e {
			return fmt.Sprintf("; %s differs", e.Name)
		}
		delete(have, e.Name)
	}
	for _, e := range got {
		if _, extra := have[e.Name]; extra {
			return fmt.Sprintf("; %s is no part of it", e.Name)
		}
	}
	return ""
}

// maxFolderDepth bounds a delivered folder, maxDelivered its files: more than
// any job may write (assay.MaxFiles).
const (
	maxFolderDepth = 64
	maxDelivered   = 1 << 16
)

// folderOf hashes a folder. Links and devices exist in no artifact.
func folderOf(from fs.FS, dir string, depth int) ([]merkle.Entry, error) {
	if depth > maxFolderDepth {
		return nil, assay.Refuse(CodeOutputDiffers, "%s is nested deeper than %d", dir, maxFolderDepth)
	}
	list, err := fs.ReadDir(from, dir)
	if err != nil {
		return nil, err
	}
	if len(list) > maxDelivered {
		return nil, assay.Refuse(CodeOutputDiffers, "%s holds %d entries; at most %d", dir, len(list), maxDelivered)
	}
	var entries []merkle.Entry
	for _, d := range list {
		path := d.Name()
		if dir != "." {
			path = dir + "/" + path
		}
		e := merkle.Entry{Name: d.Name()}
		switch {
		case d.IsDir():
			inner, err := folderOf(from, path, depth+1)
			if err != nil {
				return nil, err
			}
			e.Kind, e.Digest, e.Size = merkle.Folder, merkle.FolderDigest(inner), merkle.FolderSize(inner)
		case d.Type().IsRegular():
			if err := fileOf(from, path, &e); err != nil {
				return nil, err
			}
		default:
			return nil, assay.Refuse(CodeOutputDiffers, "%s is neither file nor folder", path)
		}
		entries = append(entries, e)
	}
	merkle.SortEntries(entries)
	if err := merkle.CheckEntries(entries); err != nil {
		return nil, assay.Refuse(CodeOutputDiffers, "%s: %v", dir, err)
	}
	return entries, nil
}

func fileOf(from fs.FS, path string, e *merkle.Entry) error {
	f, err := from.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read to its end: nothing is lost
	var t merkle.FileTree
	if _, err := io.Copy(&t, f); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	e.Kind, e.Digest, e.Size = merkle.File, t.Digest(), t.Size()
	return nil
}

// Executor runs a job as a provider would. The artifacts that it reads are its
// own affair; a refusal with code no-artifacts says that it lacks some.
type Executor interface {
	Execute(ctx context.Context, job *assay.Job) (*assay.Result, error)
}

// Rerun executes the job again and compares the result with the accepted one,
// state root included. It sets the report's reason to rerun-differs or
// no-artifacts; an error is a failure of this machine and says nothing about
// the receipt. Reports without an accepted result are left as they are.
func (r *Report) Rerun(ctx context.Context, with Executor, from Source) error {
	if r.Result == nil || r.file == nil || r.Exit == ExitBroken {
		return nil
	}
	job, want := r.file.Case.Job, r.file.Record.Verdict.Result
	if _, err := Collect(&job, &assay.Record{}, from); err != nil {
		r.missing(err)
		return nil
	}
	got, err := with.Execute(ctx, &job)
	switch {
	case assay.CodeOf(err) == CodeNoArtifacts && err != nil:
		r.missing(err)
	case err != nil:
		return fmt.Errorf("run job %s again: %w", r.file.Record.Job.Short(), err)
	case got.Digest() != want.Digest():
		r.because(CodeRerunDiffers, fmt.Sprintf("here it gave %s (output %s), accepted is %s (output %s)",
			got.Digest().Short(), got.Output.Short(), want.Digest().Short(), want.Output.Short()))
	default:
		r.Findings = append(r.Findings, Line{Check: "rerun", Outcome: assay.Supported.String(), Text: "executed here again: the same result, state root included"})
	}
	return nil
}

// missing says that the job cannot be run again. It takes nothing back of what
// a verification has established otherwise, but the exit is not 0: what was
// asked for was not done.
func (r *Report) missing(err error) {
	text := err.Error()
	if refusal := (*assay.Refusal)(nil); errors.As(err, &refusal) {
		text = refusal.Detail
	}
	r.because(CodeNoArtifacts, text)
}
