package zk_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/executor"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/zk"
	"github.com/capacloud/assay/zk/bn254"
	"github.com/capacloud/assay/zk/groth16"
	"github.com/capacloud/assay/zk/plonk"
	"github.com/capacloud/assay/zk/zktest"
)

// TestBindingIsOfAll: another network, job or payee is another binding, and its
// halves stand in the first two elements of a circuit.
func TestBindingIsOfAll(t *testing.T) {
	n, j, p := assay.Digest{1}, assay.Digest{2}, assay.Key{3}
	b := zk.Binding(n, j, p)
	for _, other := range [][32]byte{zk.Binding(j, n, p), zk.Binding(n, j, assay.Key{4}), zk.Binding(n, n, p), zk.Binding(j, j, p)} {
		if other == b {
			t.Error("two statements have one binding")
		}
	}
	first, last := zk.ElementsOfBinding(b)
	if !bytes.Equal(append(first[16:], last[16:]...), b[:]) || !bytes.Equal(zk.PublicBinding(zk.SP1, b), b[:]) {
		t.Error("a binding is not its two halves")
	}
	if _, err := bn254.Scalars(zk.PublicBinding(zk.Groth16, b)); err != nil {
		t.Error(err)
	}
}

// TestOutput: the output is the folder of an executor that prints the public
// values, without the binding.
func TestOutput(t *testing.T) {
	binding := zk.Binding(assay.Digest{1}, assay.Digest{2}, assay.Key{3})
	elements := zktest.Elements(0, 10, 1<<62)
	for _, c := range []struct {
		system, bind string
		public       []byte
		want         string
	}{
		{zk.Groth16, zk.BindJob, append(zk.PublicBinding(zk.Groth16, binding), elements...), "0\n10\n4611686018427387904\n"},
		{zk.Circom, zk.BindCommit, elements, "0\n10\n4611686018427387904\n"},
		{zk.SP1, zk.BindJob, append(binding[:], "abc"...), "abc"},
		{zk.RISC0, zk.BindCommit, []byte("abc"), "abc"},
		{zk.SP1, zk.BindJob, binding[:], ""},
	} {
		out := &executor.OutputTree{}
		folder := []merkle.Entry{out.AddFolder("out", nil), out.AddFile("stderr", nil), out.AddFile("stdout", []byte(c.want))}
		want := out.AddFolder("", folder).Digest
		if got, err := zk.OutputRoot(c.system, c.bind, c.public); err != nil || got != want {
			t.Errorf("%s %s: %v, %v", c.system, c.bind, got, err)
		}
	}
	for name, err := range map[string]error{
		"too short for a binding":  second(zk.OutputRoot(zk.SP1, zk.BindJob, make([]byte, 31))),
		"one element":              second(zk.OutputRoot(zk.Groth16, zk.BindJob, zktest.Elements(1))),
		"half an element":          second(zk.OutputRoot(zk.Groth16, zk.BindCommit, make([]byte, 48))),
		"longer than anything has": second(zk.OutputRoot(zk.SP1, zk.BindCommit, make([]byte, zk.MaxPublic+1))),
	} {
		if code(err) != zk.CodePublic {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestDescriptor: what is read is what was written, and only what fits a system
// is read.
func TestDescriptor(t *testing.T) {
	guest := zk.Descriptor{Version: 1, System: zk.SP1, Key: assay.Digest{1}, Guest: [32]byte{2}}
	circuit := zk.Descriptor{Version: 1, System: zk.Groth16, Key: assay.Digest{1}, Circuit: &zk.Circuit{ProvingKey: assay.Digest{3}, Public: []string{"y"}, Inputs: []string{"x"}}}
	for _, d := range []zk.Descriptor{guest, circuit} {
		again, err := zk.ParseDescriptor(d.Bytes())
		if err != nil || !bytes.Equal(again.Bytes(), d.Bytes()) || merkle.FileOf(d.Bytes()) != d.Program() {
			t.Errorf("%s: %v", d.System, err)
		}
	}
	files := func(edit func(*zk.Circuit)) func(*zk.Descriptor) {
		return func(d *zk.Descriptor) { c := *circuit.Circuit; edit(&c); *d = circuit; d.Circuit = &c }
	}
	for name, c := range map[string]struct {
		edit func(*zk.Descriptor)
		want assay.Code
	}{
		"version":              {func(d *zk.Descriptor) { d.Version = 2 }, zk.CodeDescriptor},
		"system":               {func(d *zk.Descriptor) { d.System = "stark" }, zk.CodeSystem},
		"no key":               {func(d *zk.Descriptor) { d.Key = assay.Digest{} }, zk.CodeDescriptor},
		"no guest":             {func(d *zk.Descriptor) { d.Guest = [32]byte{} }, zk.CodeDescriptor},
		"a circuit's guest":    {func(d *zk.Descriptor) { *d = circuit; d.Guest[0] = 1 }, zk.CodeDescriptor},
		"a guest with files":   {func(d *zk.Descriptor) { d.Circuit = circuit.Circuit }, zk.CodeDescriptor},
		"no files":             {func(d *zk.Descriptor) { *d = circuit; d.Circuit = nil }, zk.CodeDescriptor},
		"an SRS for Groth16":   {files(func(c *zk.Circuit) { c.SRS = assay.Digest{1} }), zk.CodeDescriptor},
		"a name twice":         {files(func(c *zk.Circuit) { c.Public = []string{"a", "a"} }), zk.CodeDescriptor},
		"an empty name":        {files(func(c *zk.Circuit) { c.Inputs = []string{""} }), zk.CodeDescriptor},
		"a name with an equal": {files(func(c *zk.Circuit) { c.Inputs = []string{"a=b"} }), zk.CodeDescriptor},
		"too many names":       {files(func(c *zk.Circuit) { c.Inputs = make([]string, zk.MaxNames+1) }), zk.CodeDescriptor},
	} {
		d := guest
		c.edit(&d)
		if _, err := zk.ParseDescriptor(d.Bytes()); code(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := zk.ParseDescriptor(make([]byte, zk.MaxDescriptor+1)); code(err) != zk.CodeDescriptor {
		t.Error(err)
	}
}

// keyOf returns a key of a system over a circuit with n public inputs.
func keyOf(t testing.TB, system string, n, commitments int) *zk.Key {
	t.Helper()
	vk, err := groth16.ParseGnarkKey(zktest.Groth16(t, n, commitments).KeyBytes())
	if err != nil {
		t.Fatal(err)
	}
	k := &zk.Key{Version: 1, System: system, Scheme: zk.SchemeGroth16, VK: vk.Bytes()}
	switch system {
	case zk.SP1:
		k.Release, k.Hash = "v5", [32]byte{1}
		if n == 5 {
			k.Root = [32]byte{0, 1}
		}
	case zk.RISC0:
		k.Release, k.Root, k.Control = "3.0", [32]byte{1}, [32]byte{0, 1}
	}
	return k
}

// TestKey: every field that decides acceptance is in the digest, and a key whose
// fields do not fit its system is refused.
func TestKey(t *testing.T) {
	for _, k := range []*zk.Key{keyOf(t, zk.Groth16, 2, 1), keyOf(t, zk.Circom, 2, 0), keyOf(t, zk.SP1, 2, 0), keyOf(t, zk.SP1, 5, 0), keyOf(t, zk.RISC0, 5, 0)} {
		v, err := zk.ParseKey(k.Bytes())
		if err != nil {
			t.Fatalf("%s: %v", k.System, err)
		}
		again := v.Key()
		if again.Digest() != k.Digest() || zk.DigestOf(k.Bytes()) != k.Digest() {
			t.Errorf("%s: another digest", k.System)
		}
	}
	digests := map[assay.Digest]bool{}
	base := keyOf(t, zk.SP1, 5, 0)
	for _, edit := range []func(*zk.Key){
		func(*zk.Key) {}, func(k *zk.Key) { k.System = zk.RISC0 }, func(k *zk.Key) { k.Release = "v7" }, func(k *zk.Key) { k.Scheme = zk.SchemePlonk },
		func(k *zk.Key) { k.VK = append(k.VK[:len(k.VK):len(k.VK)], 0) }, func(k *zk.Key) { k.Hash[9]++ }, func(k *zk.Key) { k.Root[9]++ },
		func(k *zk.Key) { k.Control[9]++ }, func(k *zk.Key) { k.ExitCode[31]++ },
	} {
		k := *base
		edit(&k)
		digests[k.Digest()] = true
	}
	if len(digests) != 9 {
		t.Errorf("%d digests of 9 keys", len(digests))
	}
	for name, c := range map[string]struct {
		key  *zk.Key
		edit func(*zk.Key)
		want assay.Code
	}{
		"version":                     {keyOf(t, zk.Groth16, 2, 0), func(k *zk.Key) { k.Version = 2 }, zk.CodeKey},
		"system":                      {keyOf(t, zk.Groth16, 2, 0), func(k *zk.Key) { k.System = "stark" }, zk.CodeSystem},
		"scheme":                      {keyOf(t, zk.Groth16, 2, 0), func(k *zk.Key) { k.Scheme = "fflonk" }, zk.CodeKey},
		"plonk under groth16":         {keyOf(t, zk.Groth16, 2, 0), func(k *zk.Key) { k.Scheme = zk.SchemePlonk }, zk.CodeKey},
		"groth16 under plonk":         {keyOf(t, zk.Groth16, 2, 0), func(k *zk.Key) { k.System = zk.Plonk }, zk.CodeKey},
		"a release of a circuit":      {keyOf(t, zk.Groth16, 2, 0), func(k *zk.Key) { k.Release = "v1" }, zk.CodeKey},
		"a root of a circuit":         {keyOf(t, zk.Groth16, 2, 0), func(k *zk.Key) { k.Root[1] = 1 }, zk.CodeKey},
		"a hash of a circuit":         {keyOf(t, zk.Groth16, 2, 0), func(k *zk.Key) { k.Hash[1] = 1 }, zk.CodeKey},
		"no release":                  {keyOf(t, zk.SP1, 2, 0), func(k *zk.Key) { k.Release = "" }, zk.CodeKey},
		"no hash":                     {keyOf(t, zk.SP1, 2, 0), func(k *zk.Key) { k.Hash = [32]byte{} }, zk.CodeKey},
		"a long release":              {keyOf(t, zk.SP1, 2, 0), func(k *zk.Key) { k.Release = string(make([]byte, 33)) }, zk.CodeKey},
		"a release of two lines":      {keyOf(t, zk.SP1, 2, 0), func(k *zk.Key) { k.Release = "v5\nvalid" }, zk.CodeKey},
		"five inputs and no root":     {keyOf(t, zk.SP1, 5, 0), func(k *zk.Key) { k.Root = [32]byte{} }, zk.CodeKey},
		"two inputs and a root":       {keyOf(t, zk.SP1, 2, 0), func(k *zk.Key) { k.Root[1] = 1 }, zk.CodeKey},
		"two inputs and a code":       {keyOf(t, zk.SP1, 2, 0), func(k *zk.Key) { k.ExitCode[1] = 1 }, zk.CodeKey},
		"a root not reduced":          {keyOf(t, zk.SP1, 5, 0), func(k *zk.Key) { k.Root[0] = 0xff }, bn254.CodeScalar},
		"three inputs":                {keyOf(t, zk.SP1, 3, 0), func(*zk.Key) {}, zk.CodeKey},
		"a commitment of a zkVM":      {keyOf(t, zk.SP1, 2, 1), func(*zk.Key) {}, zk.CodeKey},
		"a control id of sp1":         {keyOf(t, zk.SP1, 2, 0), func(k *zk.Key) { k.Control[1] = 1 }, zk.CodeKey},
		"no control id":               {keyOf(t, zk.RISC0, 5, 0), func(k *zk.Key) { k.Control = [32]byte{} }, zk.CodeKey},
		"no control root":             {keyOf(t, zk.RISC0, 5, 0), func(k *zk.Key) { k.Root = [32]byte{} }, zk.CodeKey},
		"a control id not reduced":    {keyOf(t, zk.RISC0, 5, 0), func(k *zk.Key) { k.Control[0] = 0xff }, bn254.CodeScalar},
		"an exit code of risc0":       {keyOf(t, zk.RISC0, 5, 0), func(k *zk.Key) { k.ExitCode[1] = 1 }, zk.CodeKey},
		"risc0 of two inputs":         {keyOf(t, zk.RISC0, 2, 0), func(*zk.Key) {}, zk.CodeKey},
		"a key that is none":          {keyOf(t, zk.Groth16, 2, 0), func(k *zk.Key) { k.VK = []byte{1} }, groth16.CodeKey},
		"a key of the other scheme":   {keyOf(t, zk.SP1, 2, 0), func(k *zk.Key) { k.Scheme = zk.SchemePlonk }, plonk.CodeKey},
		"a key with a byte behind it": {keyOf(t, zk.Groth16, 2, 0), func(k *zk.Key) { k.VK = append(k.VK, 0) }, groth16.CodeKey},
	} {
		c.edit(c.key)
		if _, err := zk.ParseKey(c.key.Bytes()); code(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if _, err := zk.ParseKey(make([]byte, zk.MaxKey+1)); code(err) != zk.CodeKey {
		t.Error(err)
	}
}

// TestGas: what Step costs is bounded by a number that grows with what it reads.
func TestGas(t *testing.T) {
	if small, large := zk.Gas(make([]byte, 100)), zk.Gas(make([]byte, 1000)); small >= large || large < 200_000 {
		t.Errorf("%d, %d", small, large)
	}
	e := zk.Evidence{Seat: 1, Commitment: assay.Digest{1}}
	if zk.Gas(e.Bytes()) >= 200_000 {
		t.Error("a commitment costs as much as a proof")
	}
}

// TestCodesAreUnique: one code, one meaning.
func TestCodesAreUnique(t *testing.T) {
	var seen []assay.Code
	for _, c := range zk.Codes() {
		if slices.Contains(seen, c.Code) || c.Text == "" || c.Hint == "" {
			t.Errorf("%s: twice, or without words", c.Code)
		}
		seen = append(seen, c.Code)
	}
}

func FuzzEvidence(f *testing.F) {
	e := zk.Evidence{Seat: 1, Descriptor: []byte{1}, Public: []byte{2}, Proof: []byte{3}}
	f.Add(e.Bytes())
	e = zk.Evidence{Seat: 1, Commitment: assay.Digest{1}}
	f.Add(e.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := zk.ParseEvidence(b); err == nil && !bytes.Equal(e.Bytes(), b) {
			t.Error("a second spelling of evidence")
		}
		_ = zk.Gas(b)
	})
}

func FuzzParse(f *testing.F) {
	d := zk.Descriptor{Version: 1, System: zk.Groth16, Key: assay.Digest{1}, Circuit: &zk.Circuit{Public: []string{"y"}}}
	f.Add(d.Bytes())
	f.Add(keyOf(f, zk.SP1, 5, 0).Bytes())
	f.Add(keyOf(f, zk.Groth16, 2, 1).Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, err := zk.ParseDescriptor(b); err == nil && !bytes.Equal(d.Bytes(), b) {
			t.Error("a second spelling of a descriptor")
		}
		if v, err := zk.ParseKey(b); err == nil {
			k := v.Key()
			if !bytes.Equal(k.Bytes(), b) {
				t.Error("a second spelling of a key")
			}
			_ = v.Verify([32]byte{}, b, b)
		}
	})
}
