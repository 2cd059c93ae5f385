//go:build !nonats

package natsbroker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// serverLog passes the messages of the NATS server to a logger. It keeps the last error, which the server does not return.
type serverLog struct {
	to   *slog.Logger
	last atomic.Pointer[string] // last message of Errorf or Fatalf
	end  atomic.Pointer[string] // first message after which the server must start again

	routes  routeLog
	repeats repeats
	twin    func(host string) // a server with the same name has connected; nil on one node
}

// writeError is in the message of the server about a write that failed. The log, the table or the Raft group that it names stores nothing more until
// the server starts again.
const writeError = "critical write error"

// duplicateName is in the message of the server about a route from a server with its name.
const duplicateName = "has a duplicate name"

func (s *serverLog) write(level slog.Level, format string, v []any) {
	if s.to.Enabled(context.Background(), level) {
		s.line(level, fmt.Sprintf(format, v...))
	}
}

// line writes a warning or an error, unless it is repeated.
func (s *serverLog) line(level slog.Level, text string) {
	if level < slog.LevelWarn || s.repeats.isFirst(level, text, time.Now()) {
		s.to.Log(context.Background(), level, "storage engine: "+text)
	}
}

// showRepeated writes the lines that were repeated, with their number.
func (s *serverLog) showRepeated(now time.Time) {
	for _, r := range s.repeats.due(now) {
		s.to.Log(context.Background(), r.level, "storage engine: "+r.text, "repeated", r.count)
	}
}

func (s *serverLog) fail(level slog.Level, format string, v []any) {
	text := fmt.Sprintf(format, v...)
	s.last.Store(&text)
	s.line(level, text)
}

// usual are parts of warnings of the NATS server about what each start or stop of a node does: nothing is wrong, and nothing is lost.
var usual = []string{
	"TTL state is outdated", "Recovering stream state from index errored", "Stream state outdated", // after an unclean stop, an index is made again
	"Plaintext passwords detected", // the passwords of the connections inside of the process, which are random
	"Waiting for routing to be established", "has not established contact with a meta leader", "is not current with the meta leader",
	"Metalayer blocking snapshot", "resetting first sequence",
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

// Errorf takes a node that cannot be reached as a warning: the others serve without it.
func (s *serverLog) Errorf(format string, v ...any) {
	level := slog.LevelError
	if strings.Contains(format, "trying to connect to") {
		level = s.routes.level(v) // which bounds these lines
		text := fmt.Sprintf(format, v...)
		s.last.Store(&text)
		s.to.Log(context.Background(), level, "storage engine: "+text)
		return
	}
	if strings.Contains(format, duplicateName) && s.twin != nil {
		connection, _, _ := strings.Cut(format, " ")
		host, _, err := net.SplitHostPort(connection)
		if err != nil {
			host = connection
		}
		s.twin(host)
	}
	s.fail(level, format, v)
	if strings.Contains(strings.ToLower(format), writeError) {
		s.ends()
	}
}

// Warnf takes what is usual as a step of the start.
func (s *serverLog) Warnf(format string, v ...any) {
	level := slog.LevelWarn
	if text := fmt.Sprintf(format, v...); slices.ContainsFunc(usual, func(part string) bool { return strings.Contains(text, part) }) {
		level = slog.LevelDebug
	}
	s.write(level, format, v)
}

// Fatalf is not the end of the process: the server goes on with what it has started, such as the streams without the routes to other nodes.
func (s *serverLog) Fatalf(format string, v ...any) {
	s.fail(slog.LevelError, format, v)
	s.ends()
}

// ends keeps the last message as the reason why the server must start again.
func (s *serverLog) ends() { s.end.CompareAndSwap(nil, s.last.Load()) }

// ended returns why the server must start again, or nil.
func (s *serverLog) ended() error {
	if text := s.end.Load(); text != nil {
		return errors.New(*text)
	}
	return nil
}

// Debugf and Tracef are not enabled.
func (s *serverLog) Debugf(string, ...any) {}
func (s *serverLog) Tracef(string, ...any) {}
