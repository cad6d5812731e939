package main

import "context"

func (o *runOptions) connectURL(ctx context.Context, u *ui) (*session, error) {
	return nil, unreachable(context.Canceled, "")
}
