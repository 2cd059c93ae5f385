//go:build !nonats

package natsbroker

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
)

// serverLog passes the messages of the NATS server to a logger. It keeps the last error, which the server does not return.
type serverLog struct {
	to   *slog.Logger
	last atomic.Pointer[string] // last message of Errorf or Fatalf
}

func (s *serverLog) write(level slog.Level, format string, v []any) {
	if s.to.Enabled(context.Background(), level) {
		s.to.Log(context.Background(), level, "storage engine: "+fmt.Sprintf(format, v...))
	}
}

func (s *serverLog) fail(format string, v []any) {
	text := fmt.Sprintf(format, v...)
	s.last.Store(&text)
	s.to.Error("storage engine: " + text)
}

// lastError is the last error that the server logged, or "".
func (s *serverLog) lastError() string {
	if text := s.last.Load(); text != nil {
		return *text
	}
	return ""
}

// Notices are about each step of a start, so they are for debugging.
func (s *serverLog) Noticef(format string, v ...any) { s.write(slog.LevelDebug, format, v) }
func (s *serverLog) Warnf(format string, v ...any)   { s.write(slog.LevelWarn, format, v) }
func (s *serverLog) Errorf(format string, v ...any)  { s.fail(format, v) }

// Fatalf is not the end of the process: the server returns after it, and the start fails.
func (s *serverLog) Fatalf(format string, v ...any) { s.fail(format, v) }

// Debugf and Tracef are not enabled.
func (s *serverLog) Debugf(string, ...any) {}
func (s *serverLog) Tracef(string, ...any) {}
