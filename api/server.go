package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
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

// Limits on what strangers may ask for. Reads are cheap and are not counted;
// what waits holds a goroutine and a connection.
const (
	maxSubmits     = 1024             // that wait for a block, over all clients
	maxWatches     = 1024             // streams
	submitWait     = 30 * time.Second // then the client asks Status
	proofWait      = 10 * time.Second
	maxCasesBytes  = 8 << 20 // of one list
	requestSlack   = 64 << 10
	bodyWait       = 30 * time.Second // beyond submitWait
	maxHeaderBytes = 64 << 10
)

// CodeHeader carries the reason code beside the error's text, for shells.
const CodeHeader = "Assay-Code"

// Handler serves a backend, and blobs under /blob/ when there are any.
func Handler(b Backend, blobs http.Handler) http.Handler {
	s := &server{backend: b, genesis: b.Genesis(), submits: make(chan struct{}, maxSubmits), watches: make(chan struct{}, maxWatches)}
	s.network, s.chain = s.genesis.ID().String(), s.genesis.ChainID()
	s.canonical = canon.Marshal(s.genesis)
	// A transaction in JSON is a third longer.
	limit := int(s.genesis.Params.MaxTxBytes)*4/3 + requestSlack
	path, rpc := wire.NewNetworkHandler(s, connect.WithReadMaxBytes(limit), connect.WithRecover(recovered))
	mux := http.NewServeMux()
	mux.Handle(path, impatient(http.MaxBytesHandler(rpc, int64(limit))))
	if blobs != nil {
		mux.Handle("/blob/", blobs)
	}
	return mux
}

// NewServer returns a server for Handler's handler, with limits on slow and
// large requests. It speaks HTTP/1.1 and, for gRPC, HTTP/2 without TLS.
func NewServer(h http.Handler) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           h,
		Protocols:         &protocols,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeaderBytes,
	}
}

// impatient bounds how long a client may take to send its request. Watch has
// no bound: the deadline would end the stream as well, and its request is empty.
func impatient(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != wire.NetworkWatchProcedure {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(submitWait + bodyWait))
		}
		h.ServeHTTP(w, r)
	})
}

func recovered(_ context.Context, spec connect.Spec, _ http.Header, value any) error {
	slog.Error("request panicked", "procedure", spec.Procedure, "panic", value)
	return failure(errors.New("internal error"))
}

type server struct {
	backend   Backend
	genesis   *assay.Genesis
	network   string
	chain     string
	canonical []byte
	submits   chan struct{}
	watches   chan struct{}
}

// Head implements wire.NetworkHandler.
func (s *server) Head(ctx context.Context, _ *connect.Request[wire.HeadRequest]) (*connect.Response[wire.HeadResponse], error) {
	h, err := s.backend.Head(ctx)
	if err != nil {
		return nil, failure(err)
	}
	return connect.NewResponse(&wire.HeadResponse{Height: h.Height, Moment: momentTo(h.Moment), Root: h.Root, Network: s.network, Chain: s.chain}), nil
}

// Genesis implements wire.NetworkHandler.
func (s *server) Genesis(context.Context, *connect.Request[wire.GenesisRequest]) (*connect.Response[wire.GenesisResponse], error) {
	return connect.NewResponse(&wire.GenesisResponse{Canonical: s.canonical, Network: s.network, Name: s.genesis.Name, Kind: string(s.genesis.Kind)}), nil
}

// Submit implements wire.NetworkHandler.
func (s *server) Submit(ctx context.Context, r *connect.Request[wire.SubmitRequest]) (*connect.Response[wire.TxResult], error) {
	if r.Msg.NoWait {
		return s.broadcast(r.Msg.Tx)
	}
	if !take(s.submits) {
		return nil, failure(assay.Refuse(CodeBusy, "%d submissions wait for a block", maxSubmits))
	}
	defer func() { <-s.submits }()
	ctx, cancel := context.WithTimeout(ctx, submitWait)
	defer cancel()
	res, err := s.backend.Submit(ctx, r.Msg.Tx)
	if err != nil {
		return nil, failure(err)
	}
	return connect.NewResponse(resultTo(res)), nil
}

func (s *server) broadcast(b []byte) (*connect.Response[wire.TxResult], error) {
	tx, err := assay.DecodeTx(b)
	if err == nil {
		err = s.backend.Broadcast(b)
	}
	if err != nil {
		return nil, failure(err)
	}
	return connect.NewResponse(&wire.TxResult{Id: tx.ID().String()}), nil
}

// Status implements wire.NetworkHandler.
func (s *server) Status(ctx context.Context, r *connect.Request[wire.StatusRequest]) (*connect.Response[wire.TxResult], error) {
	id, err := digestFrom(r.Msg.Id, "id")
	if err != nil {
		return nil, failure(err)
	}
	res, err := s.backend.Status(ctx, id)
	if err != nil {
		return nil, failure(err)
	}
	return connect.NewResponse(resultTo(res)), nil
}

// Case implements wire.NetworkHandler.
func (s *server) Case(ctx context.Context, r *connect.Request[wire.CaseRequest]) (*connect.Response[wire.CaseResponse], error) {
	job, err := digestFrom(r.Msg.Job, "job")
	if err != nil {
		return nil, failure(err)
	}
	c, err := s.backend.Case(ctx, job)
	if err != nil {
		return nil, failure(err)
	}
	return connect.NewResponse(caseTo(c)), nil
}

// Cases implements wire.NetworkHandler. A list ends early rather than exceed
// the size of an answer; next continues it.
func (s *server) Cases(ctx context.Context, r *connect.Request[wire.CasesRequest]) (*connect.Response[wire.CasesResponse], error) {
	f, err := filterFrom(r.Msg)
	if err != nil {
		return nil, failure(err)
	}
	list, err := s.backend.Cases(ctx, f)
	if err != nil {
		return nil, failure(err)
	}
	out, size := &wire.CasesResponse{}, 0
	limit := f.Limit
	if limit == 0 {
		limit = comet.MaxList
	}
	for i, c := range list {
		w := caseTo(c)
		size += len(w.Canonical)
		out.Cases = append(out.Cases, w)
		if size > maxCasesBytes && i+1 < len(list) || len(out.Cases) == limit {
			out.Next = c.ID.String()
			break
		}
	}
	return connect.NewResponse(out), nil
}

// Liable implements wire.NetworkHandler. Like Cases, it ends a list early.
func (s *server) Liable(ctx context.Context, r *connect.Request[wire.LiableRequest]) (*connect.Response[wire.LiableResponse], error) {
	list, err := s.backend.Liable(ctx)
	if err != nil {
		return nil, failure(err)
	}
	out, size := &wire.LiableResponse{}, 0
	skip := min(int(r.Msg.Skip), len(list))
	for i, c := range list[skip:] {
		w := caseTo(c)
		size += len(w.Canonical)
		out.Cases = append(out.Cases, w)
		if end := skip + i + 1; end < len(list) && (size > maxCasesBytes || i+1 == comet.MaxList) {
			out.Next = uint32(end)
			break
		}
	}
	return connect.NewResponse(out), nil
}

// Appeals implements wire.NetworkHandler.
func (s *server) Appeals(ctx context.Context, r *connect.Request[wire.AppealsRequest]) (*connect.Response[wire.AppealsResponse], error) {
	list, err := s.appeals(ctx, r.Msg)
	if err != nil {
		return nil, failure(err)
	}
	out := &wire.AppealsResponse{}
	for _, a := range list {
		out.Appeals = append(out.Appeals, &wire.Appeal{
			Canonical: canon.Marshal(a), Job: a.Job.String(), Number: uint32(a.Number), Running: a.Running(), Revoked: a.Revocation != nil,
		})
	}
	return connect.NewResponse(out), nil
}

func (s *server) appeals(ctx context.Context, r *wire.AppealsRequest) ([]*board.Appeal, error) {
	if r.Job != "" {
		job, err := digestFrom(r.Job, "job")
		if err != nil {
			return nil, err
		}
		return s.backend.AppealsOf(ctx, job)
	}
	k, err := keyFrom(r.Provider)
	if err != nil {
		return nil, err
	}
	return s.backend.Appeals(ctx, k)
}

// Posted implements wire.NetworkHandler.
func (s *server) Posted(ctx context.Context, r *connect.Request[wire.PostedRequest]) (*connect.Response[wire.PostedResponse], error) {
	program, err := digestFrom(r.Msg.Program, "program")
	if err != nil {
		return nil, failure(err)
	}
	chunks, err := s.backend.Posted(ctx, program)
	if err != nil {
		return nil, failure(err)
	}
	return connect.NewResponse(&wire.PostedResponse{Chunks: chunks}), nil
}

// Account implements wire.NetworkHandler.
func (s *server) Account(ctx context.Context, r *connect.Request[wire.AccountRequest]) (*connect.Response[wire.AccountResponse], error) {
	k, err := assay.ParseKey(r.Msg.Key)
	if err != nil {
		return nil, failure(err)
	}
	a, err := s.backend.Account(ctx, k)
	if err != nil {
		return nil, failure(err)
	}
	return connect.NewResponse(accountTo(a)), nil
}

// Offers implements wire.NetworkHandler.
func (s *server) Offers(ctx context.Context, r *connect.Request[wire.OffersRequest]) (*connect.Response[wire.OffersResponse], error) {
	k, err := keyFrom(r.Msg.Provider)
	if err != nil {
		return nil, failure(err)
	}
	var list []ledger.Provider
	if k.IsZero() {
		list, err = s.backend.Offers(ctx)
	} else {
		list = make([]ledger.Provider, 1)
		list[0], err = s.backend.Offer(ctx, k)
	}
	if err != nil {
		return nil, failure(err)
	}
	out := &wire.OffersResponse{}
	for _, p := range list {
		out.Offers = append(out.Offers, offerTo(p))
	}
	return connect.NewResponse(out), nil
}

// Watch implements wire.NetworkHandler.
func (s *server) Watch(ctx context.Context, _ *connect.Request[wire.WatchRequest], out *connect.ServerStream[wire.Moment]) error {
	if !take(s.watches) {
		return failure(assay.Refuse(CodeBusy, "%d watchers", maxWatches))
	}
	defer func() { <-s.watches }()
	for m := range s.backend.Watch(ctx) {
		if err := out.Send(momentTo(m)); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return failure(ctx.Err())
	}
	return failure(assay.Refuse(comet.CodeStopped, "the node has ended"))
}

// Proof implements wire.NetworkHandler.
func (s *server) Proof(ctx context.Context, r *connect.Request[wire.ProofRequest]) (*connect.Response[wire.ProofResponse], error) {
	ctx, cancel := context.WithTimeout(ctx, proofWait)
	defer cancel()
	p, err := s.backend.Proof(ctx, r.Msg.Key)
	if err != nil {
		return nil, failure(err)
	}
	return connect.NewResponse(proofTo(p)), nil
}

func take(slots chan struct{}) bool {
	select {
	case slots <- struct{}{}:
		return true
	default:
		return false
	}
}

// failure gives an error its place in the protocol. A refusal travels with its
// code; what is not a refusal is ours, and its text stays here.
func failure(err error) error {
	var r *assay.Refusal
	switch {
	case errors.Is(err, context.Canceled):
		return connect.NewError(connect.CodeCanceled, err)
	case errors.Is(err, context.DeadlineExceeded):
		return connect.NewError(connect.CodeDeadlineExceeded, err)
	case !errors.As(err, &r):
		slog.Error("request failed", "err", err)
		return connect.NewError(connect.CodeInternal, errors.New("internal error; see the node's log"))
	}
	e := connect.NewError(statusOf(r.Code), r)
	e.Meta().Set(CodeHeader, string(r.Code))
	if d, err := connect.NewErrorDetail(&wire.Refusal{Code: string(r.Code), Detail: r.Detail}); err == nil {
		e.AddDetail(d)
	}
	return e
}

func statusOf(c assay.Code) connect.Code {
	switch {
	case c == CodeBusy || c == comet.CodeFull:
		return connect.CodeResourceExhausted
	case c == comet.CodeStopped || c == comet.CodeHalted:
		return connect.CodeUnavailable
	case c == assay.CodeTxDuplicate:
		return connect.CodeAlreadyExists
	case strings.HasPrefix(string(c), "unknown-"):
		return connect.CodeNotFound
	case c == assay.CodeInternal:
		return connect.CodeInternal
	}
	return connect.CodeInvalidArgument
}
