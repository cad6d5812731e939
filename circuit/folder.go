package circuit

import (
	"os"
	"path/filepath"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/zk"
	"github.com/capacloud/assay/zk/circom"
)

// ProgramName is the file in a bundle's folder that holds the descriptor: the
// program of a job. The files that it names by digest stand beside it, under
// names that mean nothing.
const ProgramName = "descriptor"

// Save writes a bundle to a folder, which is made where it is missing.
func (b *Bundle) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range append([]File{NewFile(ProgramName, b.Descriptor.Bytes())}, b.Files...) {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Bytes, 0o644); err != nil { //nolint:gosec // nothing in a bundle is secret
			return err
		}
	}
	return nil
}

// Load reads a bundle from a folder. Files that the descriptor does not name are
// left out; one that it names and that is not there, or has other bytes, is
// refused.
func Load(dir string) (*Bundle, error) {
	program, err := os.ReadFile(filepath.Join(dir, ProgramName))
	if err != nil {
		return nil, err
	}
	b := new(Bundle)
	if b.Descriptor, err = zk.ParseDescriptor(program); err != nil {
		return nil, err
	}
	if b.Descriptor.Circuit == nil {
		return nil, assay.Refuse(zk.CodeDescriptor, "%s is no circuit", b.Descriptor.System)
	}
	found, err := readAll(dir)
	if err != nil {
		return nil, err
	}
	c := b.Descriptor.Circuit
	for _, d := range []assay.Digest{c.ConstraintSystem, c.ProvingKey, c.VerifyingKey, c.Witness, c.SRS} {
		if d.IsZero() {
			continue
		}
		f, ok := found[d]
		if !ok {
			return nil, assay.Refuse(CodeFolder, "no file in %s has the digest %s", dir, d)
		}
		b.Files = append(b.Files, f)
	}
	return b, b.loadKey(found)
}

func readAll(dir string) (map[assay.Digest]File, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	found := map[assay.Digest]File{}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		found[merkle.FileOf(content)] = NewFile(e.Name(), content)
	}
	return found, nil
}

// loadKey takes the verifying key from its file, or out of a .zkey.
func (b *Bundle) loadKey(found map[assay.Digest]File) error {
	c := b.Descriptor.Circuit
	if b.Descriptor.System == zk.Circom {
		k, err := circom.ParseZKey(found[c.ProvingKey].Bytes, circom.Pinned)
		if err != nil {
			return err
		}
		if b.Key, err = k.VerifyingKey(); err != nil {
			return err
		}
	} else {
		v, err := zk.ParseKey(found[c.VerifyingKey].Bytes)
		if err != nil {
			return err
		}
		key := v.Key()
		b.Key = &key
	}
	if got := b.Key.Digest(); got != b.Descriptor.Key {
		return assay.Refuse(CodeFolder, "the verifying key is %s, the descriptor names %s", got, b.Descriptor.Key)
	}
	return nil
}
