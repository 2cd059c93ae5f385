package main

import (
	"fmt"
	"io"
	"log"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/bench/histogram"
	"github.com/throng-chat/throng/bench/observe"
)

// listener is a member of the room that checks that it receives every message once and in order.
type listener struct {
	*member
	user     string
	called   atomic.Int64 // time since begun at which its disconnect was requested; 0 if it was not
	done     atomic.Int64 // time since begun at which its connection ended; 0 if open
	received atomic.Int64 // number of the last received message
	missed   atomic.Int64
	err      error // valid after done
}

// audience is all members of the room.
type audience struct {
	closings  []*closing
	begun     time.Time
	all       []*listener
	published atomic.Int64 // number of the last published message

	mu        sync.Mutex
	latencies histogram.Histogram
}

func (a *audience) now() int64 { return int64(time.Since(a.begun)) }

// gather opens all connections and starts their readers, dialsAtOnce at a time.
func (a *audience) gather() error {
	a.all = make([]*listener, listeners)
	return inParallel(listeners, dialsAtOnce, a.admit)
}

func (a *audience) admit(n int) error {
	t := &listener{user: a.userOf(n)}
	a.all[n] = t
	connect, err := connecting(t.user)
	if err != nil {
		return err
	}
	if t.member, err = dialMember(n); err != nil {
		return fmt.Errorf("connection %d: %w", n, err)
	}
	if err := t.send(connect, fmt.Sprintf(`{"id":2,"subscribe":{"channel":%q}}`, crowdedRoom)); err != nil {
		return err
	}
	line, err := t.reply(2)
	if err != nil || !strings.Contains(line, `"subscribe":`) {
		return fmt.Errorf("connection %d: %w, answered %s", n, err, line)
	}
	go a.listen(t)
	return nil
}

// userOf returns the user of the nth connection. Each closing has ofOneClosing connections. With batch 0 all of them belong to one user.
func (a *audience) userOf(n int) string {
	if i := n / ofOneClosing; i < len(a.closings) && a.closings[i].batch == 0 {
		return fmt.Sprint("many", i)
	}
	return fmt.Sprint("user", n)
}

// listen receives messages until the connection is closed.
func (a *audience) listen(t *listener) {
	defer func() { t.done.Store(a.now()) }()
	for {
		line, err := t.receive()
		if err != nil {
			t.err = err
			return
		}
		n, at, ok := parsePublication(line)
		if !ok {
			continue
		}
		if n != t.received.Load()+1 {
			t.missed.Add(1)
		}
		t.received.Store(n)
		a.mu.Lock()
		a.latencies.Record(a.now() - at)
		a.mu.Unlock()
	}
}

// publication returns the command that publishes message n, with its time in nanoseconds.
func publication(n, at int64) string {
	return fmt.Sprintf(`{"id":%d,"publish":{"channel":%q,"data":{"n":%d,"at":%d}}}`, n+2, crowdedRoom, n, at)
}

// parsePublication returns the number and the time of a message in a received line.
func parsePublication(line string) (n, at int64, ok bool) {
	_, rest, _ := strings.Cut(line, `"data":{"n":`)
	number, rest, _ := strings.Cut(rest, `,"at":`)
	moment, _, found := strings.Cut(rest, "}")
	n, err1 := strconv.ParseInt(number, 10, 64)
	at, err2 := strconv.ParseInt(moment, 10, 64)
	return n, at, found && err1 == nil && err2 == nil
}

// publish publishes a message every publishEvery, by the last member, until stop is closed.
func (a *audience) publish(stop <-chan struct{}) error {
	ticker := time.NewTicker(publishEvery)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return nil
		case <-ticker.C:
			n := a.published.Load() + 1
			if err := a.all[listeners-1].send(publication(n, a.now())); err != nil {
				return err
			}
			a.published.Store(n)
		}
	}
}

// takeLatencies returns the latencies recorded since the last call.
func (a *audience) takeLatencies() histogram.Histogram {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.latencies
	a.latencies = histogram.Histogram{}
	return h
}

// end closes the connections of c and measures that. It begins right after a message, because then the server is busy with deliveries.
func (a *audience) end(c *closing, its []*listener, pid int) (r closingRound, err error) {
	a.takeLatencies()
	time.Sleep(4 * publishEvery)
	quiet := a.takeLatencies()
	published := a.published.Load()
	if err := within(10*publishEvery, "the publisher", func() bool { return a.published.Load() > published }); err != nil {
		return r, err
	}
	before, err := observe.Read(pid, false)
	if err != nil {
		return r, err
	}
	own, began := observe.ReadOwn(false).CPU, a.now()
	if err := a.call(c, its); err != nil {
		return r, err
	}
	if err := within(20*time.Second, c.what, func() bool {
		for _, t := range its {
			if t.done.Load() == 0 {
				return false
			}
		}
		return true
	}); err != nil {
		return r, err
	}
	var took histogram.Histogram
	last := began
	for _, t := range its {
		took.Record(t.done.Load() - t.called.Load())
		last = max(last, t.done.Load())
		if t.code != c.code || t.err != io.EOF {
			r.wrong++
		}
	}
	after, err := observe.Read(pid, false)
	if err != nil {
		return r, err
	}
	wall := float64(a.now() - began)
	r.serverCores = float64(after.CPU-before.CPU) / wall
	r.clientCores = float64(observe.ReadOwn(false).CPU-own) / wall
	time.Sleep(2 * publishEvery) // for the deliveries of the messages published meanwhile
	busy := a.takeLatencies()
	r.median, r.p99, r.longest = inMillis(took.Quantile(0.5)), inMillis(took.Quantile(0.99)), inMillis(took.Max())
	r.perSecond = float64(len(its)) / time.Duration(last-began).Seconds()
	r.before, r.meanwhile = inMillis(quiet.Quantile(0.99)), inMillis(busy.Quantile(0.99))
	log.Printf("%s: %.1f ms, p99 %.1f, at most %.1f", c.what, r.median, r.p99, r.longest)
	return r, nil
}

func inMillis(ns int64) float64 { return float64(ns) / 1e6 }

// call requests the end of c's connections, by one API call after another.
func (a *audience) call(c *closing, its []*listener) error {
	size := c.batch
	if size == 0 {
		size = len(its)
	}
	for len(its) > 0 {
		part := its[:size]
		its = its[size:]
		now := a.now()
		var commands []map[string]any
		for _, t := range part {
			t.called.Store(now)
			commands = append(commands, map[string]any{c.method: map[string]string{"user": t.user}})
		}
		method, params := "batch", any(map[string]any{"commands": commands})
		if c.batch <= 1 {
			method, params = c.method, commands[0][c.method]
		}
		if err := callAPI(method, params); err != nil {
			return err
		}
	}
	return nil
}

// checkOthers counts the members of others that were closed, and the messages that they missed.
func (a *audience) checkOthers(others []*listener) (closed, missed int) {
	for _, t := range others {
		if t.done.Load() != 0 {
			closed++
		}
		missed += int(t.missed.Swap(0))
	}
	return closed, missed
}

const (
	listeners    = 19_000
	ofOneClosing = 1000
	publishEvery = 500 * time.Millisecond
	crowdedRoom  = "everybody" // the room
)
