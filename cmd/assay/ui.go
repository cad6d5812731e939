package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// heartbeat is the longest that a long step stays silent.
const heartbeat = 10 * time.Second

// ui prints progress to stderr: labelled lines, and on a terminal a bar for the
// step that is running. It never writes to stdout.
type ui struct {
	mu    sync.Mutex
	w     io.Writer
	quiet bool // --json: errors and verdict are in the object
	tty   bool
	step  *step
}

func newUI(w io.Writer, quiet bool) *ui {
	u := &ui{w: w, quiet: quiet}
	if f, ok := w.(*os.File); ok && os.Getenv("TERM") != "dumb" && os.Getenv("NO_COLOR") == "" {
		u.tty = term.IsTerminal(int(f.Fd()))
	}
	return u
}

// line prints one labelled line: "network    in-process: …".
func (u *ui) line(label, format string, args ...any) {
	if u.quiet {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	fmt.Fprintf(u.w, "%-10s %s\n", label, fmt.Sprintf(format, args...))
}

// step is a part of a command that may take long.
type step struct {
	u     *ui
	label string
	begin time.Time
	stop  chan struct{}
	done  sync.WaitGroup

	mu   sync.Mutex
	text string

	bars *mpb.Progress
	bar  *mpb.Bar
}

// start announces a step at once. On a terminal it shows a bar; elsewhere it
// prints a line now and another every ten seconds.
func (u *ui) start(label, format string, args ...any) *step {
	s := &step{u: u, label: label, begin: time.Now(), stop: make(chan struct{}), text: fmt.Sprintf(format, args...)}
	if u.quiet {
		return s
	}
	if u.tty {
		s.bars = mpb.New(mpb.WithOutput(u.w), mpb.WithWidth(24))
		s.bar = s.bars.New(0, mpb.SpinnerStyle(), mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Any(func(decor.Statistics) string {
				return fmt.Sprintf("%-10s %s", s.label, s.current())
			})),
			mpb.AppendDecorators(decor.Elapsed(decor.ET_STYLE_GO)))
		return s
	}
	u.line(label, "%s", s.text)
	s.done.Go(func() {
		tick := time.NewTicker(heartbeat)
		defer tick.Stop()
		for {
			select {
			case <-s.stop:
				return
			case <-tick.C:
				u.line(label, "%s (%s)", s.current(), since(s.begin))
			}
		}
	})
	return s
}

func (s *step) current() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text
}

// update changes the words of a running step.
func (s *step) update(format string, args ...any) {
	s.mu.Lock()
	s.text = fmt.Sprintf(format, args...)
	s.mu.Unlock()
}

// end stops a step and prints its last line, with the time it took.
func (s *step) end(format string, args ...any) time.Duration {
	took := s.close()
	s.u.line(s.label, "%s  %s", fmt.Sprintf(format, args...), roundTime(took))
	return took
}

// close stops a step without a line.
func (s *step) close() time.Duration {
	close(s.stop)
	s.done.Wait()
	if s.bar != nil {
		s.bar.SetTotal(-1, true)
		s.bars.Wait()
	}
	return time.Since(s.begin)
}

func since(t time.Time) string { return roundTime(time.Since(t)) }

func roundTime(d time.Duration) string {
	switch {
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// credits prints micro-credits with thousands separated.
func credits[T ~uint64](n T) string {
	s := fmt.Sprintf("%d", n)
	var parts []string
	for len(s) > 3 {
		parts = append([]string{s[len(s)-3:]}, parts...)
		s = s[:len(s)-3]
	}
	return strings.Join(append([]string{s}, parts...), ",")
}

// count prints a large number with a suffix: 1.21 G.
func count(n uint64) string {
	for _, u := range []struct {
		at   uint64
		name string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e4, "k"}} {
		if n >= u.at {
			div := u.at
			if u.name == "k" {
				div = 1e3
			}
			return fmt.Sprintf("%.2f %s", float64(n)/float64(div), u.name)
		}
	}
	return fmt.Sprintf("%d", n)
}

// size prints a number of bytes.
func size(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}
