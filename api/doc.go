// Package api is what a node shows to strangers: the service of package wire
// over HTTP, as Connect (JSON and binary), gRPC and gRPC-Web from one handler,
// with the blob store beside it under /blob/.
//
// It owns the conversion between wire and assay, the limits on what a stranger
// may ask for, and the [Client], which answers the same calls from afar that a
// node answers in the same process.
//
// It refuses secrets: there is no login and no token. What changes state is a
// signed transaction; everything else is public. It serves no CometBFT RPC.
//
// LIMITATIONS. A client believes its node. It checks that a case is of the job
// it asked for and decodes strictly; whether the network holds that case, only
// Proof and a receipt show.
package api
