package api

import (
	"context"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/board"
	"github.com/capacloud/assay/comet"
	"github.com/capacloud/assay/ledger"
)

// Backend answers questions about a network. A *comet.Node does in this
// process, a *Client from afar; what runs against one runs against the other.
type Backend interface {
	Genesis() *assay.Genesis
	Head(ctx context.Context) (comet.Head, error)

	// Submit waits until a block holds the transaction; Broadcast does not.
	Submit(ctx context.Context, tx []byte) (comet.TxResult, error)
	Broadcast(tx []byte) error
	Status(ctx context.Context, id assay.Digest) (comet.TxResult, error)

	Case(ctx context.Context, job assay.JobID) (*board.Case, error)
	Cases(ctx context.Context, f ledger.Filter) ([]*board.Case, error)
	Liable(ctx context.Context) ([]*board.Case, error)
	Appeals(ctx context.Context, provider assay.Key) ([]*board.Appeal, error)
	AppealsOf(ctx context.Context, job assay.JobID) ([]*board.Appeal, error)
	Posted(ctx context.Context, program assay.Digest) ([]bool, error)
	Account(ctx context.Context, k assay.Key) (comet.AccountState, error)
	Offers(ctx context.Context) ([]ledger.Provider, error)
	Offer(ctx context.Context, provider assay.Key) (ledger.Provider, error)

	Watch(ctx context.Context) <-chan assay.Moment
	Proof(ctx context.Context, key []byte) (*comet.Proof, error)
}

var (
	_ Backend = (*comet.Node)(nil)
	_ Backend = (*Client)(nil)
)

// Codes of this package's refusals.
const (
	CodeBusy    assay.Code = "server-busy"
	CodeAnswer  assay.Code = "bad-server-answer"
	CodeRequest assay.Code = "bad-request"
	CodeServer  assay.Code = "server-unavailable"
)

// Codes documents them, for docs/CODES.md.
func Codes() []assay.CodeInfo {
	return []assay.CodeInfo{
		{Code: CodeBusy, Kind: assay.KindRefusal, Text: "The server has too many requests of this kind open.", Hint: "Try again in a moment, or ask another node."},
		{Code: CodeAnswer, Kind: assay.KindRefusal, Text: "The server's answer is malformed or about something else.", Hint: "Ask another node; this one is faulty or lies."},
		{Code: CodeRequest, Kind: assay.KindRefusal, Text: "The request is malformed or too large.", Hint: "The detail names what."},
		{Code: CodeServer, Kind: assay.KindRefusal, Text: "The server cannot be reached or gave no answer in time.", Hint: "Check the address; `assay dev` prints it."},
	}
}
