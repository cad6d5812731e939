package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestHeartbeat: a step says at once what it does, and again every ten seconds;
// one that is expected to be short only once it is not.
func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w output // locked: a step writes from a goroutine of its own
		u := newUI(&w)
		s := u.start("guest", "compiling")
		if w.String() != "guest      compiling\n" {
			t.Errorf("first %q", w.String())
		}
		time.Sleep(35 * time.Second) // of virtual time
		synctest.Wait()
		s.update("linking")
		s.end("done")
		want := "guest      compiling\nguest      compiling (10.0 s)\nguest      compiling (20.0 s)\nguest      compiling (30.0 s)\nguest      done  35.0 s\n"
		if w.String() != want {
			t.Errorf("%q", w.String())
		}

		w = output{}
		s = u.startQuiet("settling", "waiting")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if w.String() != "" {
			t.Errorf("too early: %q", w.String())
		}
		time.Sleep(6 * time.Second)
		synctest.Wait()
		s.close()
		if !strings.HasPrefix(w.String(), "settling   waiting (10.0 s)") {
			t.Errorf("%q", w.String())
		}
	})
}

func TestNumbers(t *testing.T) {
	for got, want := range map[string]string{
		credits(uint64(0)): "0", credits(uint64(999)): "999", credits(uint64(1000)): "1,000", credits(uint64(1234567)): "1,234,567",
		count(9999): "9999", count(12_345): "12.35 k", count(3_130_000_000): "3.13 G",
		size(67): "67 bytes", size(4106): "4.0 KiB", size(3 << 20): "3.0 MiB",
		plural(1, "owner"): "1 owner", plural(3, "owner"): "3 owners",
		plainly("job-env: twice", "job-env"): "twice", plainly("copy x: is a link: blob-kind", "blob-kind"): "copy x: is a link",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
