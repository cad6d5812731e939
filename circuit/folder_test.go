package circuit

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/zk/circom"
)

func TestBundlesSurviveAFolder(t *testing.T) {
	read := func(name string) []byte {
		b, err := os.ReadFile("../zk/circom/testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	r, err := circom.ParseR1CS(read("chain.r1cs"))
	if err != nil {
		t.Fatal(err)
	}
	zkey, err := circom.Setup(r)
	if err != nil {
		t.Fatal(err)
	}
	files := CircomFiles{R1CS: read("chain.r1cs"), ZKey: zkey, Program: read("chain.wasm"), Public: []string{"c", "a"}, Inputs: []string{"a", "b"}}
	second, err := Circom(files)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []*Bundle{setup(t), second} {
		dir := filepath.Join(t.TempDir(), "new")
		if err := b.Save(dir); err != nil {
			t.Fatal(err)
		}
		got, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got.Key.Digest() != b.Key.Digest() || !bytes.Equal(got.Descriptor.Bytes(), b.Descriptor.Bytes()) || len(got.Files) != len(b.Files) {
			t.Fatal("it is another bundle")
		}
		if err := os.WriteFile(filepath.Join(dir, b.Files[1].Name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = Load(dir)
		wantCode(t, err, CodeFolder)
	}

	files.Public = []string{"c"}
	_, err = Circom(files)
	wantCode(t, err, CodeAuthor)
	files.Public = []string{"c", "a"}
	files.R1CS = read("unbound.r1cs")
	_, err = Circom(files)
	wantCode(t, err, circom.CodeMismatch)
	if _, err := Load(t.TempDir()); err == nil || assay.CodeOf(err) != assay.CodeInternal {
		t.Errorf("an empty folder: %v", err)
	}
}
