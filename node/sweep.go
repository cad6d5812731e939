package node

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/ledger"
)

// How long a store keeps what no open job needs. A day is the default window
// in which a result may later be disputed, and long enough to fetch an output.
const (
	keepFor    = 24 * time.Hour
	sweepEvery = time.Hour
)

// RunSweeper removes from stores, once an hour, what is older than a day and
// needed by no open job. It ends with ctx.
func RunSweeper(ctx context.Context, n Network, log *slog.Logger, stores ...*blob.Store) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, s := range stores {
			removed, err := sweep(ctx, n, s)
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				log.Warn("store not swept", slog.Any("error", err))
			case removed.Blobs > 0:
				log.Info("store swept", slog.Int("blobs", removed.Blobs), slog.Int64("bytes", removed.Bytes))
			}
		}
	}
}

// sweep removes nothing unless every open job could be listed.
func sweep(ctx context.Context, n Network, s *blob.Store) (blob.Collected, error) {
	needed := map[assay.Digest]bool{}
	f := ledger.Filter{Open: true}
	for {
		cases, err := n.Cases(ctx, f)
		if err != nil {
			return blob.Collected{}, errors.Join(errors.New("list open jobs"), err)
		}
		if len(cases) == 0 {
			break
		}
		for _, c := range cases {
			for _, e := range c.Job.Artifacts() {
				needed[e.Digest] = true
			}
			for i := range c.Seats {
				if r := c.Seats[i].Result; r != nil {
					needed[r.Output] = true
				}
			}
		}
		f.After = cases[len(cases)-1].ID
	}
	return s.Collect(ctx, func(d assay.Digest) bool { return needed[d] }, keepFor)
}
