package train

import (
	"bytes"
	"os"
	"testing"
)

// TestFilesAreReproduced trains both networks again and compares bytes.
func TestFilesAreReproduced(t *testing.T) {
	if testing.Short() {
		t.Skip("trains two networks")
	}
	for folder, task := range map[string]Task{"mlp": Digit(), "cnn": Shape()} {
		m, err := task.Run()
		if err != nil {
			t.Fatal(err)
		}
		for name, got := range map[string][]byte{task.Name + ".int8": m.Model, task.Name: m.Sample} {
			want, err := os.ReadFile("../../" + folder + "/" + name)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("examples/%s/%s is not what go run ./examples/%s makes", folder, name, folder)
			}
		}
		if m.Whole < 900 || m.Real-m.Whole > 10 {
			t.Errorf("%s: %d per mille right in floating point, %d in int8", folder, m.Real, m.Whole)
		}
	}
}
