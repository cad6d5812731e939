package node

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/ledger"
)

// How long a store keeps what no job needs that is open or may still be disputed.
// A day is long enough to fetch an output.
const (
	keepFor    = 24 * time.Hour
	sweepEvery = time.Hour
)

// RunSweeper removes from stores, once an hour, what is older than a day and
// needed by no job that is open or may still be disputed. It ends with ctx.
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

// sweep removes nothing unless every such job could be listed.
func sweep(ctx context.Context, n Network, s *blob.Store) (blob.Collected, error) {
	cases, err := allCases(ctx, n, ledger.Filter{Open: true})
	if err != nil {
		return blob.Collected{}, fmt.Errorf("list open jobs: %w", err)
	}
	settled, err := n.Liable(ctx)
	if err != nil {
		return blob.Collected{}, fmt.Errorf("list disputable jobs: %w", err)
	}
	needed := map[assay.Digest]bool{}
	for _, c := range append(cases, settled...) {
		files, _ := FilesOf(ctx, s, &c.Job) // what is not here yet cannot be swept
		for _, e := range files {
			needed[e.Digest] = true
		}
		for _, k := range c.Checkpoints {
			needed[k.File] = true
		}
		for _, r := range c.Resumes {
			needed[r.File] = true
		}
		for i := range c.Seats {
			if r := c.Seats[i].Result; r != nil {
				needed[r.Output] = true
			}
		}
	}
	return s.Collect(ctx, func(d assay.Digest) bool { return needed[d] }, keepFor)
}

// allCases lists what a filter selects, page by page: a server answers with no
// more than fits one.
func allCases(ctx context.Context, n Network, f ledger.Filter) ([]*board.Case, error) {
	var list []*board.Case
	for {
		page, err := n.Cases(ctx, f)
		if err != nil || len(page) == 0 {
			return list, err
		}
		list = append(list, page...)
		f.After = page[len(page)-1].ID
	}
}
