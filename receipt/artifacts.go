package receipt

import (
	"github.com/capacloud/assay"
	"github.com/capacloud/assay/merkle"
)

// Artifacts says what the digests of a job are digests of: sizes, and names
// where an artifact has names. All of it hashes to the job or to the accepted
// result, and what is inside is a function of these two, so that nothing can be
// left out.
type Artifacts struct {
	_       struct{} `cbor:",toarray"`
	Program Content
	Stdin   *Content       // unless empty
	Input   []merkle.Entry // of /in, unless empty
	Output  []merkle.Entry // {out, stderr, stdout}, if the bytes were available
	Out     []merkle.Entry // of the folder out in it
}

// Content opens a file's digest: it is the hash of size and root.
type Content struct {
	_    struct{} `cbor:",toarray"`
	Size uint64
	Root assay.Digest
}

// Digest returns the file's digest.
func (c Content) Digest() assay.Digest { return merkle.FileDigest(c.Size, c.Root) }

// ContentOf returns the opening of b as a file.
func ContentOf(b []byte) Content {
	var t merkle.FileTree
	t.Write(b)
	return Content{Size: t.Size(), Root: merkle.Root(t.Leaves())}
}

// Source is where artifacts are looked up. Each returns an error when it does
// not hold the digest.
type Source interface {
	File(digest assay.Digest) (Content, error)
	Folder(digest assay.Digest) ([]merkle.Entry, error)
}

// outName is the folder of the output that holds what the guest wrote to /out.
const outName = "out"

// Collect looks up what a receipt says of the job's artifacts. Without them
// there is no receipt: each is one that the requester sent or was given.
func Collect(job *assay.Job, record *assay.Record, from Source) (Artifacts, error) {
	var a Artifacts
	var err error
	if a.Program, err = from.File(job.Program); err != nil {
		return a, assay.Refuse(CodeNoArtifacts, "program %s: %v", job.Program.Short(), err)
	}
	if !job.Stdin.IsZero() {
		c, err := from.File(job.Stdin)
		if err != nil {
			return a, assay.Refuse(CodeNoArtifacts, "stdin %s: %v", job.Stdin.Short(), err)
		}
		a.Stdin = &c
	}
	if !job.Input.IsZero() {
		if a.Input, err = from.Folder(job.Input); err != nil {
			return a, assay.Refuse(CodeNoArtifacts, "input %s: %v", job.Input.Short(), err)
		}
	}
	output, due := outputOf(record)
	if !due {
		return a, nil
	}
	if a.Output, err = from.Folder(output); err != nil {
		return a, assay.Refuse(CodeNoArtifacts, "output %s: %v", output.Short(), err)
	}
	if d, ok := outFolder(a.Output); ok {
		if a.Out, err = from.Folder(d); err != nil {
			return a, assay.Refuse(CodeNoArtifacts, "output folder %s: %v", d.Short(), err)
		}
	}
	return a, nil
}

// outputOf returns the digest of the output, if the receipt lists it: one was
// accepted, and somebody holds its bytes.
func outputOf(r *assay.Record) (assay.Digest, bool) {
	if r.Verdict.Outcome != assay.Accepted || r.Verdict.Result == nil || r.Settlement.Availability == assay.NotAvailable {
		return assay.Digest{}, false
	}
	d := r.Verdict.Result.Output
	return d, !d.IsZero()
}

// outFolder finds the folder out in an output, if there is something in it.
func outFolder(output []merkle.Entry) (assay.Digest, bool) {
	for _, e := range output {
		if e.Name == outName && e.Kind == merkle.Folder && e.Digest != merkle.FolderDigest(nil) {
			return e.Digest, true
		}
	}
	return assay.Digest{}, false
}

// checkArtifacts verifies that every listing and size hashes to what the job
// and the accepted result name, and that those, and only those, are present.
func (f *File) checkArtifacts() error {
	a, job := &f.Artifacts, &f.Case.Job
	if a.Program.Digest() != job.Program {
		return assay.Refuse(CodeBrokenHash, "size or root of the program is not that of %s", job.Program.Short())
	}
	if (a.Stdin != nil) == job.Stdin.IsZero() || a.Stdin != nil && a.Stdin.Digest() != job.Stdin {
		return assay.Refuse(CodeBrokenHash, "size or root of stdin is not that of the job")
	}
	output, listed := outputOf(&f.Record)
	out, filled := outFolder(a.Output)
	for _, folder := range []struct {
		name    string
		entries []merkle.Entry
		digest  assay.Digest
		due     bool
	}{
		{"input", a.Input, job.Input, !job.Input.IsZero()},
		{"output", a.Output, output, listed},
		{"output folder", a.Out, out, listed && filled},
	} {
		if !folder.due {
			if len(folder.entries) != 0 {
				return assay.Refuse(CodeBrokenHash, "%s is listed, and there is none", folder.name)
			}
			continue
		}
		if err := merkle.CheckEntries(folder.entries); err != nil {
			return assay.Refuse(CodeBrokenHash, "%s: %v", folder.name, err)
		}
		if merkle.FolderDigest(folder.entries) != folder.digest {
			return assay.Refuse(CodeBrokenHash, "the listing of the %s is not that of %s", folder.name, folder.digest.Short())
		}
	}
	return nil
}
