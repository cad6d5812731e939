package api

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/api/wire"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/comet"
	"github.com/capacloud/assay/ledger"
)

// Limits of a client, which talks to a server that it does not trust.
const (
	maxAnswer     = 32 << 20
	dialTimeout   = 10 * time.Second
	reconnectWait = 500 * time.Millisecond
	broadcastWait = 10 * time.Second
)

// Client is a Backend over HTTP.
type Client struct {
	rpc     wire.NetworkClient
	genesis *assay.Genesis
	network assay.NetworkID
}

// Dial asks the server at base (http://host:port or https://…) for its genesis
// and refuses another network than want; a zero want takes what it gets.
func Dial(ctx context.Context, base string, want assay.NetworkID) (*Client, error) {
	if !strings.HasPrefix(base, "http://") && !strings.HasPrefix(base, "https://") {
		return nil, assay.Refuse(CodeRequest, "%.80q: want http:// or https://", base)
	}
	c := &Client{rpc: wire.NewNetworkClient(httpClient(), strings.TrimSuffix(base, "/"), connect.WithReadMaxBytes(maxAnswer))}
	res, err := c.rpc.Genesis(ctx, connect.NewRequest(&wire.GenesisRequest{}))
	if err != nil {
		return nil, refusalOf(err)
	}
	c.genesis = new(assay.Genesis)
	if err := canon.Unmarshal(res.Msg.Canonical, c.genesis); err != nil {
		return nil, assay.Refuse(CodeAnswer, "genesis: %v", err)
	}
	if err := c.genesis.Validate(); err != nil {
		return nil, err
	}
	c.network = c.genesis.ID()
	if !want.IsZero() && want != c.network {
		return nil, assay.Refuse(assay.CodeTxNetwork, "%s is network %s, want %s", base, c.network.Short(), want.Short())
	}
	return c, nil
}

func httpClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       90 * time.Second,
		ResponseHeaderTimeout: submitWait + dialTimeout,
	}}
}

// Genesis implements Backend.
func (c *Client) Genesis() *assay.Genesis { return c.genesis }

// Head implements Backend.
func (c *Client) Head(ctx context.Context) (comet.Head, error) {
	r, err := c.rpc.Head(ctx, connect.NewRequest(&wire.HeadRequest{}))
	if err != nil {
		return comet.Head{}, refusalOf(err)
	}
	return comet.Head{Height: r.Msg.Height, Moment: momentFrom(r.Msg.Moment), Root: r.Msg.Root}, nil
}

// Submit implements Backend: it goes on over lost connections and busy servers
// until a block holds the transaction, it is refused, or ctx ends. That is
// safe, since a transaction is applied once however often it arrives.
func (c *Client) Submit(ctx context.Context, b []byte) (comet.TxResult, error) {
	tx, err := assay.DecodeTx(b)
	if err != nil {
		return comet.TxResult{}, err
	}
	for {
		r, err := c.rpc.Submit(ctx, connect.NewRequest(&wire.SubmitRequest{Tx: b}))
		if err == nil {
			res, err := resultFrom(r.Msg)
			if err == nil && res.ID != tx.ID() {
				err = assay.Refuse(CodeAnswer, "result of %s, asked for %s", res.ID.Short(), tx.ID().Short())
			}
			return res, err
		}
		if !passing(err) {
			return comet.TxResult{}, refusalOf(err)
		}
		select {
		case <-ctx.Done():
			return comet.TxResult{}, errors.Join(ctx.Err(), refusalOf(err))
		case <-time.After(reconnectWait):
		}
	}
}

// passing reports whether trying again may help.
func passing(err error) bool {
	switch connect.CodeOf(err) {
	case connect.CodeUnavailable, connect.CodeResourceExhausted, connect.CodeDeadlineExceeded:
		return true
	}
	return false
}

// Broadcast implements Backend.
func (c *Client) Broadcast(tx []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), broadcastWait)
	defer cancel()
	_, err := c.rpc.Submit(ctx, connect.NewRequest(&wire.SubmitRequest{Tx: tx, NoWait: true}))
	return refusalOf(err)
}

// Status implements Backend.
func (c *Client) Status(ctx context.Context, id assay.Digest) (comet.TxResult, error) {
	r, err := c.rpc.Status(ctx, connect.NewRequest(&wire.StatusRequest{Id: id.String()}))
	if err != nil {
		return comet.TxResult{}, refusalOf(err)
	}
	return resultFrom(r.Msg)
}

// Case implements Backend.
func (c *Client) Case(ctx context.Context, job assay.JobID) (*board.Case, error) {
	r, err := c.rpc.Case(ctx, connect.NewRequest(&wire.CaseRequest{Job: job.String()}))
	if err != nil {
		return nil, refusalOf(err)
	}
	got, err := caseFrom(r.Msg)
	if err == nil && got.ID != job {
		return nil, assay.Refuse(CodeAnswer, "case of %s, asked for %s", got.ID.Short(), job.Short())
	}
	return got, err
}

// Cases implements Backend. It asks as often as the server's answers are cut,
// and stops at the filter's limit or MaxList.
func (c *Client) Cases(ctx context.Context, f ledger.Filter) ([]*board.Case, error) {
	limit := f.Limit
	if limit <= 0 || limit > comet.MaxList {
		limit = comet.MaxList
	}
	req := &wire.CasesRequest{Open: f.Open}
	if !f.Provider.IsZero() {
		req.Provider = f.Provider.String()
	}
	if !f.Requester.IsZero() {
		req.Requester = f.Requester.String()
	}
	if !f.After.IsZero() {
		req.After = f.After.String()
	}
	var list []*board.Case
	for {
		req.Limit = uint32(limit - len(list))
		r, err := c.rpc.Cases(ctx, connect.NewRequest(req))
		if err != nil {
			return nil, refusalOf(err)
		}
		for _, w := range r.Msg.Cases {
			got, err := caseFrom(w)
			if err != nil {
				return nil, err
			}
			list = append(list, got)
		}
		// A server that promises more and gives none would hold us for ever.
		if r.Msg.Next == "" || len(r.Msg.Cases) == 0 || len(list) >= limit {
			return list, nil
		}
		req.After = r.Msg.Next
	}
}

// Liable implements Backend. It asks as often as the server's answers are cut. A
// case whose horizon ends in between may make it miss another: look again.
func (c *Client) Liable(ctx context.Context) ([]*board.Case, error) {
	var list []*board.Case
	skip := uint32(0)
	for {
		r, err := c.rpc.Liable(ctx, connect.NewRequest(&wire.LiableRequest{Skip: skip}))
		if err != nil {
			return nil, refusalOf(err)
		}
		for _, w := range r.Msg.Cases {
			got, err := caseFrom(w)
			if err != nil {
				return nil, err
			}
			list = append(list, got)
		}
		if r.Msg.Next <= skip || len(r.Msg.Cases) == 0 {
			return list, nil
		}
		skip = r.Msg.Next
	}
}

// Appeals implements Backend.
func (c *Client) Appeals(ctx context.Context, provider assay.Key) ([]*board.Appeal, error) {
	req := &wire.AppealsRequest{}
	if !provider.IsZero() {
		req.Provider = provider.String()
	}
	return c.appeals(ctx, req)
}

// AppealsOf implements Backend.
func (c *Client) AppealsOf(ctx context.Context, job assay.JobID) ([]*board.Appeal, error) {
	list, err := c.appeals(ctx, &wire.AppealsRequest{Job: job.String()})
	if err == nil && slices.ContainsFunc(list, func(a *board.Appeal) bool { return a.Job != job }) {
		return nil, assay.Refuse(CodeAnswer, "appeals of other jobs than %s", job.Short())
	}
	return list, err
}

func (c *Client) appeals(ctx context.Context, req *wire.AppealsRequest) ([]*board.Appeal, error) {
	r, err := c.rpc.Appeals(ctx, connect.NewRequest(req))
	if err != nil {
		return nil, refusalOf(err)
	}
	var list []*board.Appeal
	for _, w := range r.Msg.Appeals {
		a, err := appealFrom(w)
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

// Posted implements Backend.
func (c *Client) Posted(ctx context.Context, program assay.Digest) ([]bool, error) {
	r, err := c.rpc.Posted(ctx, connect.NewRequest(&wire.PostedRequest{Program: program.String()}))
	if err != nil {
		return nil, refusalOf(err)
	}
	return r.Msg.Chunks, nil
}

// Account implements Backend.
func (c *Client) Account(ctx context.Context, k assay.Key) (comet.AccountState, error) {
	r, err := c.rpc.Account(ctx, connect.NewRequest(&wire.AccountRequest{Key: k.String()}))
	if err != nil {
		return comet.AccountState{}, refusalOf(err)
	}
	return accountFrom(r.Msg)
}

// Offers implements Backend.
func (c *Client) Offers(ctx context.Context) ([]ledger.Provider, error) {
	return c.offers(ctx, "")
}

// Offer implements Backend.
func (c *Client) Offer(ctx context.Context, provider assay.Key) (ledger.Provider, error) {
	list, err := c.offers(ctx, provider.String())
	if err != nil {
		return ledger.Provider{}, err
	}
	if len(list) != 1 || list[0].Market.Listed && list[0].Market.Offer.Provider != provider {
		return ledger.Provider{}, assay.Refuse(CodeAnswer, "not the provider that was asked for")
	}
	return list[0], nil
}

func (c *Client) offers(ctx context.Context, provider string) ([]ledger.Provider, error) {
	r, err := c.rpc.Offers(ctx, connect.NewRequest(&wire.OffersRequest{Provider: provider}))
	if err != nil {
		return nil, refusalOf(err)
	}
	var list []ledger.Provider
	for _, w := range r.Msg.Offers {
		p, err := offerFrom(w)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// Watch implements Backend. A lost connection is made again; moments never go
// back, and each means only "look at the state".
func (c *Client) Watch(ctx context.Context) <-chan assay.Moment {
	ch := make(chan assay.Moment, 1)
	go func() {
		defer close(ch)
		var last assay.Moment
		for ctx.Err() == nil {
			c.stream(ctx, ch, &last)
			select {
			case <-ctx.Done():
			case <-time.After(reconnectWait):
			}
		}
	}()
	return ch
}

func (c *Client) stream(ctx context.Context, ch chan assay.Moment, last *assay.Moment) {
	s, err := c.rpc.Watch(ctx, connect.NewRequest(&wire.WatchRequest{}))
	if err != nil {
		return
	}
	defer s.Close()
	for s.Receive() {
		m := momentFrom(s.Msg())
		if m.Height < last.Height {
			continue
		}
		*last = m
		select { // the reader gets the latest
		case <-ch:
		default:
		}
		ch <- m
	}
}

// Proof implements Backend. It is not checked here: that takes an anchor, see
// package receipt.
func (c *Client) Proof(ctx context.Context, key []byte) (*comet.Proof, error) {
	r, err := c.rpc.Proof(ctx, connect.NewRequest(&wire.ProofRequest{Key: key}))
	if err != nil {
		return nil, refusalOf(err)
	}
	if string(r.Msg.Key) != string(key) {
		return nil, assay.Refuse(CodeAnswer, "proof of another key")
	}
	return proofFrom(r.Msg), nil
}

// refusalOf returns the refusal that an error carries, so that callers branch
// on the same codes as beside the node.
func refusalOf(err error) error {
	var e *connect.Error
	if !errors.As(err, &e) {
		return err
	}
	for _, d := range e.Details() {
		if v, err := d.Value(); err == nil {
			if r, ok := v.(*wire.Refusal); ok && r.Code != "" {
				return &assay.Refusal{Code: assay.Code(r.Code), Detail: r.Detail}
			}
		}
	}
	switch e.Code() {
	case connect.CodeCanceled:
		return errors.Join(context.Canceled, err)
	case connect.CodeDeadlineExceeded:
		return errors.Join(context.DeadlineExceeded, err)
	case connect.CodeUnavailable:
		return assay.Refuse(CodeServer, "%s", e.Message())
	}
	return assay.Refuse(CodeAnswer, "%s: %s", e.Code(), e.Message())
}
