package blob

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/merkle"
)

// BenchmarkFetch copies 64 MiB over loopback, verified on both sides.
func BenchmarkFetch(b *testing.B) {
	src := memory(b, Config{})
	e := putFile(b, src, bytesOf(1, 64*merkle.ChunkSize))
	srv := httptest.NewServer(src.Handler(HandlerConfig{}))
	defer srv.Close()
	c, err := NewClient(ClientConfig{Base: srv.URL})
	must(b, err)
	b.SetBytes(int64(e.Size))
	for b.Loop() {
		dst := memory(b, Config{})
		_, err := Copy(context.Background(), dst, c, e.Digest, merkle.File)
		must(b, err)
	}
}

// BenchmarkOpening answers and verifies one challenge on a file of 64 MiB
// among a thousand.
func BenchmarkOpening(b *testing.B) {
	s := memory(b, Config{})
	big := putFile(b, s, bytesOf(1, 64*merkle.ChunkSize))
	small := putFile(b, s, []byte("small"))
	entries := make([]merkle.Entry, 1000)
	for i := range entries {
		entries[i] = small
		entries[i].Name = string([]byte{'a' + byte(i/100), '0' + byte(i/10%10), '0' + byte(i%10)})
	}
	entries[500].Digest, entries[500].Size = big.Digest, big.Size
	root, err := s.PutFolder(context.Background(), entries)
	must(b, err)
	o, err := s.Open(context.Background(), root, 1<<25)
	must(b, err)
	b.Run("answer", func(b *testing.B) {
		for b.Loop() {
			_, err := s.Open(context.Background(), root, 1<<25)
			must(b, err)
		}
	})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			must(b, merkle.VerifyOpening(root, 1<<25, o))
		}
		b.ReportMetric(float64(len(canon.Marshal(o))), "bytes")
	})
}
