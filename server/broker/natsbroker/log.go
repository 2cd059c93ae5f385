//go:build !nonats

package natsbroker

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/throng-chat/throng/server/broker"
)

// openLog is a log on one instance of the server. When the instance fails, each append of it fails.
type openLog struct {
	engine    *engine
	instance  *instance
	stream    jetstream.Stream
	id        string
	committed atomic.Uint64 // number of the newest committed record that this log knows
	subject   string
	inbox     string // answers arrive at inbox + ".N" for append N, and inbox + ".pN" for a probe behind append N

	mu      sync.Mutex
	open    []*appending // oldest first; at most broker.MaxAppends
	last    uint64       // number of the newest append
	closed  error        // not nil: why new appends fail
	running bool         // a goroutine completes the appends

	wake    chan struct{}  // something was appended, or the log was closed
	answers chan *nats.Msg // more than the probes of an hour, because all are answered at once when a disk goes on
	leader  leading        // only for the goroutine of the log
	away    time.Time      // since when the oldest append finds no leader; zero if it does. Only for the goroutine of the log
	ended   chan struct{}  // closed with the goroutine of the log
}

// appending is an open append.
type appending struct {
	number   uint64
	expected uint64
	record   []byte
	done     func(error)
	sent     bool // only for the goroutine of the log
}

func newLog(e *engine, i *instance, stream jetstream.Stream, id string) (*openLog, error) {
	l := &openLog{
		engine: e, instance: i, stream: stream, id: id, subject: stream.CachedInfo().Config.Subjects[0], inbox: nats.NewInbox(),
		leader:  leaderOf(stream.CachedInfo()),
		running: true, wake: make(chan struct{}, 1), answers: make(chan *nats.Msg, 256), ended: make(chan struct{}),
	}
	l.committed.Store(stream.CachedInfo().State.LastSeq)
	answers, err := i.conn.ChanSubscribe(l.inbox+".*", l.answers)
	if err != nil {
		return nil, err
	}
	go l.run(answers)
	return l, nil
}

func (l *openLog) ID() string { return l.id }

func (l *openLog) Append(expected uint64, record []byte, done func(error)) {
	if len(record) == 0 || len(record) > broker.MaxRecord {
		panic(fmt.Sprintf("broker: record of %d bytes: allowed are 1 to %d", len(record), broker.MaxRecord))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) == broker.MaxAppends {
		panic("broker: more appends are open than allowed")
	}
	l.last++
	l.open = append(l.open, &appending{number: l.last, expected: expected, record: record, done: done})
	if !l.running { // the log was closed: its last goroutine has ended
		l.running = true
		go l.completeAll(broker.ErrClosed)
	}
	l.wakeUp()
}

func (l *openLog) Err() error { return cmp.Or(l.isClosed(), l.instance.cause()) }

// Close ends the log. Its goroutine completes the open appends.
func (l *openLog) Close() { l.end(broker.ErrClosed) }

// end lets each open and each later append fail with err, and ends the goroutine.
func (l *openLog) end(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed == nil {
		l.closed = err
	}
	l.wakeUp()
}

func (l *openLog) wakeUp() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// isClosed returns the error of end, or nil.
func (l *openLog) isClosed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// run is the goroutine of the log. It ends with the log, not with the instance: later appends still need their done.
func (l *openLog) run(answers *nats.Subscription) {
	defer close(l.ended)
	defer l.engine.forget(l)
	var (
		failed error // each append fails with it
		wait   = probeAfter
		probe  = time.NewTimer(wait)
		again  <-chan time.Time // nothing is sent before it
		down   = l.instance.down.Done()
	)
	for {
		if err := l.isClosed(); err != nil {
			if err := answers.Unsubscribe(); err != nil && l.instance.cause() == nil {
				l.instance.options.Log.Warn("storage engine: end of a log", "error", err)
			}
			l.completeAll(err)
			return
		}
		if failed != nil {
			l.complete(failed)
		} else if again == nil {
			if failed = l.send(); failed != nil {
				continue
			}
		}
		select {
		case <-l.wake:
			wait = probeAfter
			probe.Reset(wait)
		case answer := <-l.answers:
			if failed == nil {
				failed = l.receive(answer)
			}
			if errors.Is(failed, errNoLeader) && l.mayTryAgain() {
				failed, again = nil, time.After(leaderPoll)
			}
			if !strings.HasSuffix(answer.Subject, leaderReply) {
				wait = probeAfter
				probe.Reset(wait)
			}
		case <-again:
			again = nil
		case <-probe.C:
			number := lastSent(l.pending())
			switch replicated := l.instance.options.replicated(); {
			case failed != nil || number == 0 && (!replicated || l.leader != ""):
			case replicated:
				// The leader answers a probe before the messages that it replicates. So an append ends if there is another leader, or at the time limit of the caller.
				failed = l.publish(leaderRequest(l.stream.CachedInfo().Config.Name, l.inbox))
				probe.Reset(askAgain)
			default:
				failed = l.publish(newProbe(l.subject, l.inbox+".p"+strconv.FormatUint(number, 10)))
				wait = nextProbe(wait)
				probe.Reset(wait)
			}
		case <-down:
			down = nil
			if failed == nil {
				failed = l.instance.cause()
			}
		}
	}
}

// send publishes the appends that were not sent. It returns an error if the engine does not accept them.
func (l *openLog) send() error {
	for _, a := range l.pending() {
		if a.sent {
			continue
		}
		if err := l.engine.Health().Err; err != nil {
			return err
		}
		m := nats.NewMsg(l.subject)
		m.Reply = l.inbox + "." + strconv.FormatUint(a.number, 10)
		m.Header.Set(expectedHeader, strconv.FormatUint(a.expected, 10))
		m.Data = a.record
		a.sent = true
		if err := l.publish(m); err != nil {
			return err
		}
	}
	return nil
}

func (l *openLog) publish(m *nats.Msg) error {
	if err := l.instance.conn.PublishMsg(m); err != nil {
		return l.instance.explain(l.instance.down, "append", err)
	}
	return nil
}

// mayTryAgain prepares to send the open appends again, for which there is no leader, unless that lasts for too long.
func (l *openLog) mayTryAgain() bool {
	if l.away.IsZero() {
		l.away = time.Now()
	}
	if time.Since(l.away) >= leaderPatience {
		return false
	}
	for _, a := range l.pending() {
		a.sent = false
	}
	l.leader = "" // they go to the next one
	return true
}

// lastSent is the number of the newest append that was sent, or 0. A probe is behind it, and before those that are not sent yet.
func lastSent(open []*appending) (number uint64) {
	for _, a := range open {
		if a.sent {
			number = a.number
		}
	}
	return number
}

// receive takes an answer. The oldest append gets it. An answer to a later message means that the oldest append gets none.
func (l *openLog) receive(answer *nats.Msg) error {
	open := l.pending()
	suffix := strings.TrimPrefix(answer.Subject, l.inbox+".")
	if suffix == leaderReply {
		changed, err := l.leader.receive(answer)
		if err == nil && changed && lastSent(open) > 0 {
			err = errNoAnswer // of the leader before: what was sent to it is stored or not
		}
		if err != nil {
			return l.instance.classify("append", err)
		}
		return nil
	}
	suffix, isProbe := strings.CutPrefix(suffix, "p")
	number, err := strconv.ParseUint(suffix, 10, 64)
	switch {
	case err != nil:
		return l.instance.classify("append", err)
	case len(open) == 0 || number < open[0].number:
		return nil // a probe that was not needed
	case !open[0].sent:
		return nil // of a message behind the oldest append, which is sent again
	case isProbe || number > open[0].number:
		err := l.instance.classify("append", errNoAnswer)
		if !l.instance.options.replicated() {
			l.instance.fail(err)
		}
		return err // in a cluster another node became the leader of the log
	}
	seq, err := acknowledged(answer)
	switch {
	case err != nil:
		return l.instance.classify("append", err)
	case seq != open[0].expected+1:
		err := l.instance.classify("append", fmt.Errorf("record %d got the number %d", open[0].expected+1, seq))
		l.instance.fail(err)
		return err
	}
	l.away = time.Time{}
	l.committed.Store(seq)
	l.completeOldest(nil)
	return nil
}

// pending returns the open appends.
func (l *openLog) pending() []*appending {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*appending(nil), l.open...)
}

// completeOldest calls the done of the oldest open append. It returns false if there is none.
func (l *openLog) completeOldest(err error) bool {
	l.mu.Lock()
	if len(l.open) == 0 {
		l.mu.Unlock()
		return false
	}
	a := l.open[0]
	l.open = l.open[1:]
	l.mu.Unlock()
	a.done(err)
	return true
}

// complete fails the open appends, also those that their done makes.
func (l *openLog) complete(err error) {
	for l.completeOldest(err) {
	}
}

// completeAll fails the open appends, at the end of a goroutine. A later append starts another one.
func (l *openLog) completeAll(err error) {
	for {
		l.complete(err)
		l.mu.Lock()
		if len(l.open) == 0 {
			l.running = false
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
	}
}
