package audit

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/throng-chat/throng/server/logqueue"
)

// Off is the setting for no audit log, Stderr that for standard error.
const (
	Off    = "off"
	Stderr = "-"
)

// The types of actors.
const (
	ByKey      = "api_key" // a call of the server API
	ByOperator = "admin"   // a request to the admin port
	BySignal   = "signal"
	ByServer   = "server" // throng itself
	ByUser     = "user"   // an rpc of a client of the SDK protocol
)

// Actor is the cause of an action.
type Actor struct {
	Type    string // one of the types above
	Name    string // of the API key, of the signal, or of the user
	Address string // address and port of the peer; that of a proxy if there is one
}

// String returns the actor as the log of the server has it.
func (a Actor) String() string {
	switch {
	case a.Name == "":
		return a.Type + " " + a.Address
	case a.Address == "":
		return a.Name
	}
	return fmt.Sprintf("%s %q at %s", a.Type, a.Name, a.Address)
}

// Entry is one action. Empty fields are left out.
type Entry struct {
	Action Action
	Actor  Actor

	User       string
	Room       string
	Client     string // of the SDK protocol
	Connection uint64 // of the admin port

	Details []slog.Attr // with the names of Details
	Error   string      // why the action was not done; empty if it was
}

// Log is an audit log. Any goroutine may call its methods, also on nil, which records nothing.
type Log struct {
	queue *logqueue.Queue
	out   *file
	stop  func(limit time.Duration)
}

// Open opens the audit log of a setting: Off, Stderr or a path. The file is appended to, and created with mode 0600. For Off it returns nil.
// Write errors are passed to failed, at most once a second.
func Open(setting string, failed func(error)) (*Log, error) {
	if setting == Off {
		return nil, nil
	}
	out, err := openFile(setting, failed)
	if err != nil {
		return nil, err
	}
	l := &Log{out: out}
	handler := &lines{next: slog.NewJSONHandler(out, &slog.HandlerOptions{ReplaceAttr: renamed}), lost: func() uint64 { return l.queue.Dropped() }}
	l.queue = logqueue.New(handler)
	return l, nil
}

// renamed makes a line of the audit log of a log record: without level, with the action in place of the message, and with the time in UTC.
func renamed(groups []string, a slog.Attr) slog.Attr {
	switch {
	case len(groups) > 0:
	case a.Key == slog.LevelKey:
		return slog.Attr{}
	case a.Key == slog.MessageKey:
		a.Key = "action"
	case a.Key == slog.TimeKey:
		return slog.String("time", a.Value.Time().UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	return a
}

// Start starts the goroutine that writes. Call it once, on a Log that is not nil.
func (l *Log) Start() { l.stop = l.queue.Start() }

// Stop writes the records in the queue, for at most a time, and closes the file. A Log that was not started closes the file only.
func (l *Log) Stop(limit time.Duration) error {
	if l == nil {
		return nil
	}
	if l.stop != nil {
		l.stop(limit)
	}
	return l.out.Close()
}

// Reopen opens the file again, because it may have been renamed. If that fails, the open file stays in use. It may block.
func (l *Log) Reopen() error {
	if l == nil {
		return nil
	}
	return l.out.reopen()
}

// Dropped returns the number of records that were not written.
func (l *Log) Dropped() uint64 {
	if l == nil {
		return 0
	}
	return l.queue.Dropped()
}

// Record queues an entry. It does not block.
func (l *Log) Record(e Entry) {
	if l == nil {
		return
	}
	attrs := make([]slog.Attr, 0, 8+len(e.Details))
	text := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	text("actor_type", e.Actor.Type)
	text("actor", e.Actor.Name)
	text("address", e.Actor.Address)
	text("user", e.User)
	text("room", e.Room)
	text("client", e.Client)
	if e.Connection != 0 {
		text("connection", strconv.FormatUint(e.Connection, 10))
	}
	attrs = append(attrs, e.Details...)
	if e.Error == "" {
		text("result", "done")
	} else {
		text("result", "rejected")
		text("error", logqueue.Clip(e.Error))
	}
	r := slog.NewRecord(time.Now(), slog.LevelInfo, string(e.Action), 0)
	r.AddAttrs(attrs...)
	if err := l.queue.Handle(context.Background(), r); err != nil {
		panic(err) // a queue returns no error
	}
}

// lines writes records, and before a record how many before it are missing. Used by the goroutine of the queue only.
type lines struct {
	next     slog.Handler
	lost     func() uint64 // records that are missing
	reported uint64
}

func (li *lines) Enabled(ctx context.Context, level slog.Level) bool {
	return li.next.Enabled(ctx, level)
}

func (li *lines) Handle(ctx context.Context, r slog.Record) error {
	if lost := li.lost(); lost > li.reported {
		missing := slog.NewRecord(time.Now(), slog.LevelInfo, string(Dropped), 0)
		missing.AddAttrs(slog.String("actor_type", ByServer), slog.Uint64("dropped", lost-li.reported), slog.String("result", "done"))
		if err := li.next.Handle(ctx, missing); err != nil {
			return err
		}
		li.reported = lost
	}
	return li.next.Handle(ctx, r)
}

// WithAttrs and WithGroup are not used: Record passes all attributes.
func (li *lines) WithAttrs([]slog.Attr) slog.Handler { return li }
func (li *lines) WithGroup(string) slog.Handler      { return li }
