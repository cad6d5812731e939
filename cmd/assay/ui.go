package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/capacloud/assay"
)

// heartbeat is the longest that a long step stays silent.
const heartbeat = 10 * time.Second

// ui prints progress to stderr: labelled lines, and on a terminal a bar for the
// step that is running. It never writes to stdout.
type ui struct {
	mu  sync.Mutex
	w   io.Writer
	tty bool
	bar *mpb.Progress // on the screen now; lines go above it
}

func newUI(w io.Writer) *ui {
	u := &ui{w: w}
	if f, ok := w.(*os.File); ok && os.Getenv("TERM") != "dumb" && os.Getenv("NO_COLOR") == "" {
		width, _, err := term.GetSize(int(f.Fd()))
		u.tty = err == nil && width > 0
	}
	return u
}

// logger prints what the parties of an in-process network warn of, clear of the
// bars, except for warnings with one of these codes.
func (u *ui) logger(except ...assay.Code) *slog.Logger {
	return slog.New(selective{except: except, Handler: slog.NewTextHandler(warnings{u}, &slog.HandlerOptions{
		Level: slog.LevelWarn,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
				return slog.Attr{}
			}
			return a
		},
	})})
}

// selective leaves out what is told in other words, or expected.
type selective struct {
	slog.Handler
	except []assay.Code
}

// Handle implements slog.Handler.
func (s selective) Handle(ctx context.Context, r slog.Record) error {
	drop := false
	r.Attrs(func(a slog.Attr) bool {
		err, ok := a.Value.Any().(error)
		drop = ok && slices.Contains(s.except, assay.CodeOf(err))
		return !drop
	})
	if drop {
		return nil
	}
	return s.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (s selective) WithAttrs(attrs []slog.Attr) slog.Handler {
	return selective{s.Handler.WithAttrs(attrs), s.except}
}

// WithGroup implements slog.Handler.
func (s selective) WithGroup(name string) slog.Handler {
	return selective{s.Handler.WithGroup(name), s.except}
}

type warnings struct{ u *ui }

func (w warnings) Write(p []byte) (int, error) {
	w.u.line("warning", "%s", strings.TrimSuffix(string(p), "\n"))
	return len(p), nil
}

// line prints one labelled line: "network    in-process: …".
func (u *ui) line(label, format string, args ...any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	w := u.w
	if u.bar != nil {
		w = u.bar
	}
	fmt.Fprintf(w, "%-10s %s\n", label, fmt.Sprintf(format, args...))
}

// stage is a part of a command that may take long.
type stage struct {
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
func (u *ui) start(label, format string, args ...any) *stage {
	s := u.startQuiet(label, format, args...)
	if !u.tty {
		u.line(label, "%s", s.text)
	}
	return s
}

// startQuiet begins a step that is expected to be short: away from a terminal
// it says nothing before ten seconds have passed.
func (u *ui) startQuiet(label, format string, args ...any) *stage {
	s := &stage{u: u, label: label, begin: time.Now(), stop: make(chan struct{}), text: fmt.Sprintf(format, args...)}
	if u.tty {
		s.show()
	} else {
		s.repeat()
	}
	return s
}

// show puts a bar on the terminal.
func (s *stage) show() {
	s.bars = mpb.New(mpb.WithOutput(s.u.w), mpb.WithWidth(3), mpb.WithAutoRefresh())
	s.bar = s.bars.New(0, mpb.SpinnerStyle(), mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Any(func(decor.Statistics) string {
			return fmt.Sprintf("%-10s %s", s.label, s.current())
		})),
		mpb.AppendDecorators(decor.Elapsed(decor.ET_STYLE_GO)))
	s.u.mu.Lock()
	s.u.bar = s.bars
	s.u.mu.Unlock()
}

// repeat prints a line every ten seconds until the step ends.
func (s *stage) repeat() {
	u, label := s.u, s.label
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
}

func (s *stage) current() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text
}

// update changes the words of a running step.
func (s *stage) update(format string, args ...any) {
	s.mu.Lock()
	s.text = fmt.Sprintf(format, args...)
	s.mu.Unlock()
}

// end stops a step and prints its last line, with the time it took.
func (s *stage) end(format string, args ...any) time.Duration {
	took := s.close()
	s.u.line(s.label, "%s  %s", fmt.Sprintf(format, args...), roundTime(took))
	return took
}

// close stops a step without a line.
func (s *stage) close() time.Duration {
	close(s.stop)
	s.done.Wait()
	if s.bar != nil {
		s.u.mu.Lock()
		s.u.bar = nil
		s.u.mu.Unlock()
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
