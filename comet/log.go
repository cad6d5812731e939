package comet

import (
	"context"
	"fmt"
	"log/slog"

	cmtlog "github.com/cometbft/cometbft/libs/log"
)

// cometLog hands CometBFT's log to ours, one level lower: what it tells at
// "info" is every step of every round.
type cometLog struct{ to *slog.Logger }

var _ cmtlog.Logger = cometLog{}

func (l cometLog) Debug(string, ...any)         {}
func (l cometLog) Info(msg string, kv ...any)   { l.log(slog.LevelDebug, msg, kv) }
func (l cometLog) Warn(msg string, kv ...any)   { l.log(slog.LevelInfo, msg, kv) }
func (l cometLog) With(kv ...any) cmtlog.Logger { return cometLog{l.to.With(kv...)} }

func (l cometLog) Error(msg string, kv ...any) {
	level := slog.LevelWarn
	switch msg {
	case "Stopped accept routine, as transport is closed": // that is how it stops
		level = slog.LevelDebug
	case "CONSENSUS FAILURE!!!":
		level = slog.LevelError
	}
	l.log(level, msg, kv)
}

func (l cometLog) log(level slog.Level, msg string, kv []any) {
	if !l.to.Enabled(context.Background(), level) {
		return // before lazy values are printed
	}
	for i := 1; i < len(kv); i += 2 {
		if s, ok := kv[i].(fmt.Stringer); ok {
			kv[i] = s.String()
		}
	}
	l.to.Log(context.Background(), level, msg, kv...)
}
