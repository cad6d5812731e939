package node

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/capacloud/assay/comet"
)

// silent is a network that answers or does not.
type silent struct {
	Network
	down atomic.Bool
}

func (s *silent) Head(context.Context) (comet.Head, error) {
	if s.down.Load() {
		return comet.Head{}, errors.New("no route")
	}
	return comet.Head{}, nil
}

// TestSupervise: each change is said once.
func TestSupervise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var said bytes.Buffer
		n := &silent{}
		done := make(chan struct{})
		go func() {
			Supervise(ctx, n, slog.New(slog.NewTextHandler(&said, nil)))
			close(done)
		}()
		for _, down := range []bool{false, true, false} {
			n.down.Store(down)
			time.Sleep(time.Minute) // of virtual time
			synctest.Wait()
		}
		cancel()
		<-done
		if lost, back := strings.Count(said.String(), "does not answer"), strings.Count(said.String(), "answers again"); lost != 1 || back != 1 {
			t.Errorf("%s", said.String())
		}
	})
}

// TestPulse: a network is gone once it has not answered for long enough, and
// one that makes no blocks but answers is not.
func TestPulse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &silent{}
		var p pulse
		p.felt()
		for range 60 {
			time.Sleep(patience)
			p.feel(t.Context(), n)
			if p.gone() {
				t.Fatal("a network that answers is called gone")
			}
		}
		n.down.Store(true)
		begin := time.Now()
		for !p.gone() {
			time.Sleep(patience)
			p.feel(t.Context(), n)
		}
		if after := time.Since(begin); after < unreachableAfter || after > unreachableAfter+2*patience {
			t.Errorf("gone after %s", after)
		}
	})
}
