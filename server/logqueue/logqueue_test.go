package logqueue

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// stuck is a log whose reader has stopped: a write blocks until release is closed.
type stuck struct {
	release chan struct{}
	begun   chan struct{} // receives one token for each write that began

	mu  sync.Mutex
	out bytes.Buffer
}

func newStuck() *stuck {
	return &stuck{release: make(chan struct{}), begun: make(chan struct{}, 4*maxRecords)}
}

func (s *stuck) Write(b []byte) (int, error) {
	s.begun <- struct{}{}
	<-s.release
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(b)
}

func (s *stuck) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Split(strings.TrimSpace(s.out.String()), "\n")
}

func TestALogThatNobodyReadsBlocksNoCaller(t *testing.T) {
	to := newStuck()
	q := New(slog.NewTextHandler(to, nil))
	stop := q.Start()
	log := slog.New(q)
	log.Info("first")
	<-to.begun // the writer is in the middle of a write
	const more = maxRecords + 100
	for range more {
		log.Info("more")
	}
	if got := q.Dropped(); got != 100 {
		t.Errorf("dropped %d records, want 100: %d did not fit into the queue of %d", got, more, maxRecords)
	}
	close(to.release)
	stop(time.Minute)
	if got := len(to.lines()); got != 1+maxRecords {
		t.Errorf("wrote %d lines, want %d", got, 1+maxRecords)
	}
}

func TestStopGivesUpOnALogThatNobodyReads(t *testing.T) {
	to := newStuck()
	q := New(slog.NewTextHandler(to, nil))
	stop := q.Start()
	log := slog.New(q)
	log.Info("first")
	<-to.begun
	log.Info("second")
	stop(time.Millisecond) // returns at all: without the limit it would wait for ever
	if got := q.Dropped(); got != 1 {
		t.Errorf("dropped %d records, want the one that waited", got)
	}
	close(to.release)
}

func TestWhatWasLoggedBeforeStartIsWritten(t *testing.T) {
	to := newStuck()
	close(to.release)
	q := New(slog.NewTextHandler(to, nil))
	slog.New(q).With("room", "lobby").WithGroup("g").Info("early", "n", 1)
	q.Start()(time.Minute)
	if got := strings.Join(to.lines(), "\n"); !strings.Contains(got, "msg=early room=lobby g.n=1") {
		t.Errorf("got %q, want the record with its attributes", got)
	}
}

type failing struct{ slog.Handler }

func (failing) Handle(context.Context, slog.Record) error { return errors.New("broken pipe") }

func TestAWriteThatFailsIsCounted(t *testing.T) {
	q := New(failing{slog.NewTextHandler(new(bytes.Buffer), nil)})
	slog.New(q).Error("lost")
	q.Start()(time.Minute)
	if got := q.Dropped(); got != 1 {
		t.Errorf("dropped %d, want 1", got)
	}
}

// adding is a handler that adds to the records it is given, as a handler may.
type adding struct{ slog.Handler }

func (a adding) Handle(ctx context.Context, r slog.Record) error {
	r.AddAttrs(slog.Int("more", 1))
	return a.Handler.Handle(ctx, r)
}

// A record that waits is not the caller's any more.
func TestARecordInTheQueueIsItsOwn(t *testing.T) {
	to := newStuck()
	close(to.release)
	q := New(adding{slog.NewTextHandler(to, nil)})
	r := slog.NewRecord(time.Time{}, slog.LevelInfo, "x", 0)
	for range 8 { // beyond those that a record holds itself, with room for another
		r.AddAttrs(slog.Int("n", 1))
	}
	if err := q.Handle(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	r.AddAttrs(slog.Int("later", 1))
	q.Start()(time.Minute)
	if got := strings.Join(to.lines(), "\n"); strings.Contains(got, "BUG") || strings.Contains(got, "later") || !strings.Contains(got, "more=1") {
		t.Errorf("got %s, want the record as it was", got)
	}
}

func TestTheLevelHoldsForAllHandlersOfAQueue(t *testing.T) {
	to := newStuck()
	close(to.release)
	q := New(slog.NewTextHandler(to, &slog.HandlerOptions{Level: slog.LevelDebug}))
	log := slog.New(q)
	derived := log.With("room", "lobby")
	derived.Debug("hidden at first")
	q.SetLevel(slog.LevelDebug)
	derived.Debug("debug on")
	q.SetLevel(slog.LevelError)
	derived.Warn("hidden later")
	log.Warn("hidden later")
	log.Error("error on")
	q.Start()(time.Minute)
	got := strings.Join(to.lines(), "\n")
	if strings.Contains(got, "hidden") || !strings.Contains(got, "debug on") || !strings.Contains(got, "error on") {
		t.Errorf("got %s, want the lines of the level of their time", got)
	}
}
