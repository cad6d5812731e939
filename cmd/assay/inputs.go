package main

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/merkle"
)

// importInputs puts the --in files and folders into a store and returns the
// folder that a guest sees at /in: each under its base name.
func importInputs(ctx context.Context, store *blob.Store, paths []string) (root assay.Digest, bytes uint64, err error) {
	if len(paths) == 0 {
		return assay.Digest{}, 0, nil
	}
	var entries []merkle.Entry
	for _, p := range paths {
		name, err := baseName(p)
		if err != nil {
			return root, 0, err
		}
		if slices.ContainsFunc(entries, func(e merkle.Entry) bool { return e.Name == name }) {
			return root, 0, badInput(codeInputTwice, "two --in are called %q", name)
		}
		e, err := store.PutTree(ctx, p)
		if err != nil {
			return root, 0, asInput(err)
		}
		e.Name = name
		entries = append(entries, e)
	}
	merkle.SortEntries(entries)
	if root, err = store.PutFolder(ctx, entries); err != nil {
		return root, 0, asInput(err)
	}
	return root, merkle.FolderSize(entries), nil
}

// importStdin puts the file behind --stdin into a store.
func importStdin(ctx context.Context, store *blob.Store, path string) (merkle.Entry, error) {
	e, err := store.PutTree(ctx, path)
	switch {
	case err != nil:
		return e, asInput(err)
	case e.Kind != merkle.File:
		return e, badInput(codeFile, "--stdin %s is a folder", path)
	}
	return e, nil
}

// keepBytesMax bounds what an in-process run leaves in the local store.
const keepBytesMax = 256 << 20

// keep copies program and inputs of an in-process job into the local store,
// where `verify --rerun` finds them after the network has gone. That is a
// convenience: a read-only HOME must not fail a job.
func keep(ctx context.Context, from *blob.Store, job *assay.Job, bytes uint64) {
	if bytes > keepBytesMax {
		return
	}
	store, err := openLocalStore()
	if err != nil {
		return
	}
	defer end(store)
	for _, e := range job.Artifacts() {
		if _, err := blob.Copy(ctx, store, from, e.Digest, e.Kind); err != nil {
			return
		}
	}
}

// baseName is the name under /in. The folder "." has one too: its own.
func baseName(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", badInput(codeFile, "%v", err)
	}
	return filepath.Base(abs), nil
}

// asInput keeps a refusal's own code and calls everything else a file problem.
func asInput(err error) error {
	if code := assay.CodeOf(err); code != assay.CodeInternal {
		return err
	}
	return badInput(codeFile, "%v", err)
}

// envOf sorts KEY=value pairs, as a job demands.
func envOf(pairs []string) []string {
	env := slices.Clone(pairs)
	slices.SortFunc(env, func(a, b string) int {
		ka, _, _ := strings.Cut(a, "=")
		kb, _, _ := strings.Cut(b, "=")
		return strings.Compare(ka, kb)
	})
	return env
}

// openLocalStore opens the store in which `run` leaves program and inputs, so
// that `verify --rerun` finds them.
func openLocalStore() (*blob.Store, error) {
	dir, err := dataDir()
	if err != nil {
		return nil, err
	}
	store, err := blob.OpenDir(filepath.Join(dir, "blobs"), blob.Config{})
	if err != nil {
		return nil, badInput(codeFile, "%v", err)
	}
	return store, nil
}

// importArtifacts puts every file below dir, and the folders that the files
// and folders directly in dir could be inputs of, into a store. Artifacts are
// found by digest, so names do not matter.
func importArtifacts(ctx context.Context, store *blob.Store, dir string) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return badInput(codeFile, "%v", err)
	}
	var inputs []merkle.Entry
	for _, d := range list {
		if d.Type()&fs.ModeType != 0 && !d.IsDir() {
			continue
		}
		e, err := store.PutTree(ctx, filepath.Join(dir, d.Name()))
		if err != nil {
			return asInput(err)
		}
		e.Name = d.Name()
		inputs = append(inputs, e)
	}
	merkle.SortEntries(inputs)
	// One file or folder alone, or all together, may have been /in.
	for _, set := range append(singles(inputs), inputs) {
		if _, err := store.PutFolder(ctx, set); err != nil {
			return asInput(err)
		}
	}
	return nil
}

func singles(entries []merkle.Entry) [][]merkle.Entry {
	var sets [][]merkle.Entry
	for i := range entries {
		sets = append(sets, entries[i:i+1])
	}
	return sets
}
