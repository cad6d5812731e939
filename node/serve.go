package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/api"
	"github.com/capacloud/assay/blob"
)

// shutdownWait is how long an ending server waits for requests under way.
const shutdownWait = 2 * time.Second

// Serve answers HTTP on a listener until ctx ends, then lets requests finish
// for a moment. It closes the listener.
func Serve(ctx context.Context, ln net.Listener, h http.Handler) error {
	server := api.NewServer(h)
	server.BaseContext = func(net.Listener) context.Context { return ctx }
	stop := context.AfterFunc(ctx, func() {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownWait)
		defer cancel()
		if server.Shutdown(late) != nil {
			_ = server.Close() // what hung on is cut off
		}
	})
	defer stop()
	if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", ln.Addr(), err)
	}
	return nil
}

// URLOf is where a listener can be reached from this machine.
func URLOf(ln net.Listener) string { return "http://" + ln.Addr().String() }

// SourceByOffer finds a provider's store at the URL of its offer.
func SourceByOffer(n Network) func(context.Context, assay.Key) (blob.Source, error) {
	return func(ctx context.Context, key assay.Key) (blob.Source, error) {
		p, err := n.Offer(ctx, key)
		if err != nil {
			return nil, err
		}
		return blob.NewClient(blob.ClientConfig{Base: p.Market.Offer.URL, Attempts: 1, Stall: 10 * time.Second})
	}
}
