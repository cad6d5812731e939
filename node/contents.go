package node

import (
	"context"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/blob"
	"github.com/capacloud/assay/merkle"
	"github.com/capacloud/assay/receipt"
)

// Contents answers a receipt's questions about artifacts from a store. It lives
// as long as one verification or assembly, so it carries its context.
type Contents struct {
	Context context.Context
	Store   *blob.Store
}

var _ receipt.Source = Contents{}

// File implements receipt.Source.
func (c Contents) File(d assay.Digest) (receipt.Content, error) {
	f, err := c.Store.OpenFile(c.Context, d)
	if err != nil {
		return receipt.Content{}, err
	}
	defer func() { _ = f.Close() }() // it was only read
	var t merkle.FileTree
	if _, err := f.WriteTo(&t); err != nil {
		return receipt.Content{}, err
	}
	return receipt.Content{Size: t.Size(), Root: merkle.Root(t.Leaves())}, nil
}

// Folder implements receipt.Source.
func (c Contents) Folder(d assay.Digest) ([]merkle.Entry, error) {
	return c.Store.ReadFolder(c.Context, d)
}
