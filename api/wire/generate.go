// Package wire holds the messages and the service of network.proto as Go code:
// generated, committed, and converted to assay's own types by package api. It
// refuses meaning: nothing here is hashed or signed.
package wire

//go:generate go run -C ../tools . ../wire
