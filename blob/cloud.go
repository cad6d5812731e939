//go:build cloud

package blob

// Object stores of two clouds, for `go build -tags cloud`: gocloud opens them by
// URL (s3://…, gs://…) and NewStore takes any bucket. They stay out of the
// default build because they double what it downloads and compiles.
import (
	_ "gocloud.dev/blob/gcsblob"
	_ "gocloud.dev/blob/s3blob"
)
