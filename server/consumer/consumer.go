package consumer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
)

// The pauses before a message is tried again, and before a Source is started again: each is about twice the one before.
const (
	FirstPause = 100 * time.Millisecond
	MaxPause   = 5 * time.Second
)

// CommitInterval is the time after which a Source commits the messages that are done, although it has more of the same batch. It is far shorter than the life of
// an idempotency key (5 min), so a message that is delivered again is recognized.
const CommitInterval = time.Second

// CommitTimeout limits a commit, also one after the end of the context.
const CommitTimeout = 2 * time.Second

// Outcome is what a Source does with a message.
type Outcome uint8

// The outcomes.
const (
	Accepted Outcome = iota // commit it
	Rejected                // commit it: it is counted and logged
	Stopped                 // do not commit it: it is delivered again
)

// Deliver passes a message of a partition to throng, and waits until that has an outcome. reason is that of a rejection. One goroutine delivers the messages
// of a partition, one after another.
type Deliver func(ctx context.Context, m Message) (o Outcome, reason string)

// Source is a stream of messages.
type Source interface {
	// Run connects, calls ready, delivers messages and commits them until ctx ends, or until it fails. It returns after its goroutines.
	Run(ctx context.Context, ready func(), deliver Deliver) error
}

// Metrics count what a consumer does.
type Metrics struct {
	Accepted, Rejected, Retried, Failures, Panics prometheus.Counter
	Connected, Waiting                            prometheus.Gauge // 1 or 0; partitions that wait for a pause
}

// Consumer passes the messages of one Source to throng. Run is called once.
type Consumer struct {
	Name    string // for the log
	Source  Source
	Call    Call
	Metrics Metrics
	Log     *slog.Logger

	retries, rejections rate.Sometimes // limit the log
}

// New returns a consumer.
func New(name string, from Source, to Call, m Metrics, log *slog.Logger) *Consumer {
	return &Consumer{
		Name: name, Source: from, Call: to, Metrics: m, Log: log,
		retries: rate.Sometimes{Interval: time.Second}, rejections: rate.Sometimes{Interval: time.Second},
	}
}

// Run consumes until ctx ends. Then calls in progress may finish, until cut ends.
func (co *Consumer) Run(ctx, cut context.Context) {
	pause := newPauses()
	ready := func() {
		pause.Reset()
		co.Metrics.Connected.Set(1)
		co.Log.Info("consumer connected", "consumer", co.Name)
	}
	for {
		err := co.Source.Run(ctx, ready, func(ctx context.Context, m Message) (Outcome, string) { return co.deliver(ctx, cut, m) })
		co.Metrics.Connected.Set(0)
		if ctx.Err() != nil {
			return
		}
		co.Metrics.Failures.Inc()
		wait := pause.NextBackOff()
		co.Log.Error("consumer failed: it connects again", "consumer", co.Name, "error", err, "after", wait.Round(time.Millisecond).String())
		if !sleep(ctx, wait) {
			return
		}
	}
}

// deliver calls a method until it is accepted, or rejected for good. It returns Stopped if ctx ends before.
func (co *Consumer) deliver(ctx, cut context.Context, m Message) (Outcome, string) {
	if m.Invalid != nil {
		return co.reject(m, &Rejection{Text: m.Invalid.Error()})
	}
	payload := m.withKey()
	pause := newPauses()
	for {
		if ctx.Err() != nil {
			return Stopped, ""
		}
		no := co.attempt(cut, m.Method, payload)
		switch {
		case no == nil:
			co.Metrics.Accepted.Inc()
			return Accepted, ""
		case cut.Err() != nil:
			return Stopped, "" // the error may be that of the end
		case !no.Temporary:
			return co.reject(m, no)
		}
		co.Metrics.Retried.Inc()
		co.retries.Do(func() {
			co.Log.Warn("message not accepted now: its partition waits", "consumer", co.Name, "message", m.Place, "method", m.Method, "code", no.Code, "error", no.Text)
		})
		if m.Held != nil {
			m.Held()
		}
		co.Metrics.Waiting.Inc()
		goesOn := sleep(ctx, pause.NextBackOff())
		co.Metrics.Waiting.Dec()
		if !goesOn {
			return Stopped, ""
		}
	}
}

// reject counts and logs a message that throng never accepts.
func (co *Consumer) reject(m Message, no *Rejection) (Outcome, string) {
	co.Metrics.Rejected.Inc()
	co.rejections.Do(func() {
		co.Log.Error("message rejected and skipped", "consumer", co.Name, "message", m.Place, "method", m.Method, "code", no.Code, "error", no.Text)
	})
	return Rejected, no.Text
}

// attempt calls a method once. A panic is a rejection for good: the message would cause it again.
func (co *Consumer) attempt(ctx context.Context, method string, payload []byte) (no *Rejection) {
	defer func() {
		if cause := recover(); cause != nil {
			co.Metrics.Panics.Inc()
			co.Log.Error("panic in a consumer", "consumer", co.Name, "panic", cause, "stack", string(debug.Stack()))
			no = &Rejection{Text: fmt.Sprint("panic: ", cause)}
		}
	}()
	if method == "batch" {
		return &Rejection{Text: "want no batch: send a message for each call"}
	}
	result, no := co.Call(ctx, method, payload)
	if no == nil && method == "broadcast" {
		return ofRooms(result)
	}
	return no
}

func newPauses() *backoff.ExponentialBackOff {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval, pauses.Multiplier = FirstPause, MaxPause, 2
	return pauses
}

// sleep returns false if ctx ends before d.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// Committing returns a context for a commit, which may end after ctx.
func Committing(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), CommitTimeout)
}

// ErrLost is the error of a Source whose connection ended.
var ErrLost = errors.New("connection lost")
