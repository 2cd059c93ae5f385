package main

import (
	"fmt"
	"io"
	"log"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-chat/throng/bench/histogram"
	"github.com/throng-chat/throng/bench/observe"
	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/server/ws"
)

// allClosings are the ways in which an application ends 1,000 connections of 19,000 that are all in one room where somebody talks.
func allClosings() []*closing {
	return []*closing{
		{what: "`disconnect`, one by one", method: "disconnect", batch: 1, code: 3503},
		{what: "`revoke`, one by one", method: "revoke", batch: 1, code: 3500},
		{what: "`disconnect`, batches of 100", method: "disconnect", batch: 100, code: 3503},
		{what: "`revoke`, batches of 100", method: "revoke", batch: 100, code: 3500},
		{what: "`disconnect` of one user with 1,000", method: "disconnect", code: 3503},
		{what: "`revoke` of one user with 1,000", method: "revoke", code: 3500},
	}
}

const (
	attendants   = 19_000
	ofOneClosing = 1000
	talkEvery    = 500 * time.Millisecond
	everybody    = "everybody" // the room
)

// closing is one of those ways, and what was measured of it: a value a round.
type closing struct {
	what, method string
	batch        int // users in one call; 0: one user has all the connections
	code         ws.CloseCode

	median, p99, longest      []float64 // ms from the call to the end of TCP
	perSecond                 []float64 // connections
	before, meanwhile         []float64 // ms, p99 of deliveries to the others
	serverCores, clientCores  []float64
	wrong, others, othersLost int // over all rounds
}

// attendant is a member of the room that hears what is said in it, each message once and in order.
type attendant struct {
	*member
	user   string
	called atomic.Int64 // when its end was asked for, as time.Since(begun); 0 where nobody did
	done   atomic.Int64 // when its connection ended
	heard  atomic.Int64 // the number of the last message
	missed atomic.Int64
	err    error // to be read when it is done
}

// audience is all of them.
type audience struct {
	closings []*closing
	begun    time.Time
	all      []*attendant
	said     atomic.Int64 // by the talker: the number of the last message

	mu        sync.Mutex
	latencies histogram.Histogram
}

func (a *audience) now() int64 { return int64(time.Since(a.begun)) }

// gather opens all connections, and has each listen.
func (a *audience) gather() error {
	a.all = make([]*attendant, attendants)
	return inParallel(attendants, dialsAtOnce, a.admit)
}

func (a *audience) admit(n int) error {
	t := &attendant{user: a.userOf(n)}
	a.all[n] = t
	connect, err := connecting(t.user)
	if err != nil {
		return err
	}
	if t.member, err = dialMember(n); err != nil {
		return fmt.Errorf("connection %d: %w", n, err)
	}
	if err := t.say(connect, fmt.Sprintf(`{"id":2,"subscribe":{"channel":%q}}`, everybody)); err != nil {
		return err
	}
	line, err := t.reply(2)
	if err != nil || !strings.Contains(line, `"subscribe":`) {
		return fmt.Errorf("connection %d: %w, answered %s", n, err, line)
	}
	go a.listen(t)
	return nil
}

// userOf is whose the nth connection is. Each closing has a thousand; those of one user are one user's.
func (a *audience) userOf(n int) string {
	if i := n / ofOneClosing; i < len(a.closings) && a.closings[i].batch == 0 {
		return fmt.Sprint("many", i)
	}
	return fmt.Sprint("user", n)
}

// listen hears what is said until the connection is closed.
func (a *audience) listen(t *attendant) {
	defer func() { t.done.Store(a.now()) }()
	for {
		line, err := t.hear()
		if err != nil {
			t.err = err
			return
		}
		n, at, ok := parseSaid(line)
		if !ok {
			continue
		}
		if n != t.heard.Load()+1 {
			t.missed.Add(1)
		}
		t.heard.Store(n)
		a.mu.Lock()
		a.latencies.Record(a.now() - at)
		a.mu.Unlock()
	}
}

// saying is a message of the talker: its number, and when it was said.
func saying(n, at int64) string {
	return fmt.Sprintf(`{"id":%d,"publish":{"channel":%q,"data":{"n":%d,"at":%d}}}`, n+2, everybody, n, at)
}

// parseSaid finds the number and the time in what is heard of it.
func parseSaid(line string) (n, at int64, ok bool) {
	_, rest, _ := strings.Cut(line, `"data":{"n":`)
	number, rest, _ := strings.Cut(rest, `,"at":`)
	moment, _, found := strings.Cut(rest, "}")
	n, err1 := strconv.ParseInt(number, 10, 64)
	at, err2 := strconv.ParseInt(moment, 10, 64)
	return n, at, found && err1 == nil && err2 == nil
}

// talk says something at each moment of a schedule, by the last of the audience, until stop is closed.
func (a *audience) talk(stop <-chan struct{}) error {
	ticker := time.NewTicker(talkEvery)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return nil
		case <-ticker.C:
			n := a.said.Load() + 1
			if err := a.all[attendants-1].say(saying(n, a.now())); err != nil {
				return err
			}
			a.said.Store(n)
		}
	}
}

// heardSoFar takes the latencies that were recorded since it was asked last.
func (a *audience) heardSoFar() histogram.Histogram {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.latencies
	a.latencies = histogram.Histogram{}
	return h
}

// end has c's thousand closed, and measures it. It begins at the worst moment: when something was said, which all are about to hear.
func (a *audience) end(c *closing, its []*attendant, pid int) error {
	a.heardSoFar()
	time.Sleep(4 * talkEvery)
	quiet := a.heardSoFar()
	spoken := a.said.Load()
	if err := within(10*talkEvery, "the talker", func() bool { return a.said.Load() > spoken }); err != nil {
		return err
	}
	before, err := observe.Read(pid, false)
	if err != nil {
		return err
	}
	own, began := observe.ReadOwn(false).CPU, a.now()
	if err := a.call(c, its); err != nil {
		return err
	}
	if err := within(20*time.Second, c.what, func() bool {
		for _, t := range its {
			if t.done.Load() == 0 {
				return false
			}
		}
		return true
	}); err != nil {
		return err
	}
	var took histogram.Histogram
	last := began
	for _, t := range its {
		took.Record(t.done.Load() - t.called.Load())
		last = max(last, t.done.Load())
		if t.code != c.code || t.err != io.EOF {
			c.wrong++
		}
	}
	after, err := observe.Read(pid, false)
	if err != nil {
		return err
	}
	wall := float64(a.now() - began)
	c.serverCores = append(c.serverCores, float64(after.CPU-before.CPU)/wall)
	c.clientCores = append(c.clientCores, float64(observe.ReadOwn(false).CPU-own)/wall)
	time.Sleep(2 * talkEvery) // for what was said meanwhile
	busy := a.heardSoFar()
	c.median = append(c.median, inMillis(took.Quantile(0.5)))
	c.p99 = append(c.p99, inMillis(took.Quantile(0.99)))
	c.longest = append(c.longest, inMillis(took.Max()))
	c.perSecond = append(c.perSecond, float64(len(its))/time.Duration(last-began).Seconds())
	c.before = append(c.before, inMillis(quiet.Quantile(0.99)))
	c.meanwhile = append(c.meanwhile, inMillis(busy.Quantile(0.99)))
	log.Printf("%s: %.1f ms, p99 %.1f, at most %.1f", c.what, inMillis(took.Quantile(0.5)), inMillis(took.Quantile(0.99)), inMillis(took.Max()))
	return nil
}

func inMillis(ns int64) float64 { return float64(ns) / 1e6 }

// call asks for the end of c's connections, call after call, each when the one before is answered.
func (a *audience) call(c *closing, its []*attendant) error {
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

// checkOthers counts what happened to those that nobody wanted to end.
func (a *audience) checkOthers(c *closing, others []*attendant) {
	for _, t := range others {
		if t.done.Load() != 0 {
			c.others++
		}
		c.othersLost += int(t.missed.Swap(0))
	}
}

// closeRound ends 1,000 connections in each of the ways, one after another, on one server.
func closeRound(closings []*closing) error {
	s, err := startBackend("")
	if err != nil {
		return err
	}
	defer s.stop()
	a := &audience{closings: closings, begun: time.Now()}
	defer func() {
		for _, t := range a.all {
			if t != nil && t.member != nil {
				t.close() // whether or not it is closed already
			}
		}
	}()
	if err := a.gather(); err != nil {
		return err
	}
	stop, talked := make(chan struct{}), make(chan error, 1)
	go func() { talked <- a.talk(stop) }()
	for i, c := range closings {
		if err := a.end(c, a.all[i*ofOneClosing:(i+1)*ofOneClosing], s.cmd.Process.Pid); err != nil {
			return err
		}
		a.checkOthers(c, a.all[(i+1)*ofOneClosing:])
	}
	close(stop)
	if err := <-talked; err != nil {
		return err
	}
	stayed := a.all[len(closings)*ofOneClosing:]
	return within(20*time.Second, "all that stayed to hear all that was said", func() bool {
		for _, t := range stayed {
			if t.heard.Load() != a.said.Load() {
				return false
			}
		}
		return true
	})
}

// endings is how soon a connection is closed that the application wants closed, and what the others feel.
func endings() (string, error) {
	closings := allClosings()
	for range *rounds {
		if err := closeRound(closings); err != nil {
			return "", err
		}
	}
	return endingsText(closings), nil
}

func endingsText(closings []*closing) string {
	g := newGrid("how", "closed after: median, ms", "closed after: p99, ms", "the longest of all rounds, ms", "connections/s", "wrong code, of all rounds", "others closed", "others lost",
		"others' p99 before, ms", "others' p99 meanwhile, ms", "server's core busy", "client's core busy")
	for _, c := range closings {
		g.row(c.what, median(c.median, "%.1f"), median(c.p99, "%.1f"), fmt.Sprintf("%.1f", slices.Max(c.longest)), median(c.perSecond, "%.0f"), fmt.Sprint(c.wrong), fmt.Sprint(c.others), fmt.Sprint(c.othersLost),
			median(c.before, "%.0f"), median(c.meanwhile, "%.0f"), median(c.serverCores, "%.2f"), median(c.clientCores, "%.2f"))
	}
	return g.turned() + fmt.Sprintf("\n`go run ./bench/figures --throng ./throng --only closings --rounds %d`: %s connections, of which each column ends %s\n",
		*rounds, result.Thousands(attendants), result.Thousands(ofOneClosing))
}
