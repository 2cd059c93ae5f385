package agent

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/throng-chat/throng/server/ws"
)

// Events in the middle of a run: connections leave and return, are killed, or stop reading.

// The ways to kill a connection.
const (
	ByRST     = "rst"     // reset the socket
	ByFIN     = "fin"     // close TCP without a close frame
	BySilence = "silence" // keep the connection open, but do not respond any more
)

// probeEvery is the interval at which probe checks connections that stopped reading. It is the resolution of the time until the server
// closes them.
const probeEvery = 200 * time.Millisecond

// retryAfter is the pause after a failed attempt to return.
const retryAfter = 100 * time.Millisecond

// churn makes connections that do not publish leave at random times. Each returns a second later.
func (ru *run) churn() {
	listeners := ru.own - (ru.plan.Publishers-ru.plan.Agent+ru.plan.Agents-1)/ru.plan.Agents
	if listeners <= 0 {
		return
	}
	random := rand.New(rand.NewPCG(ru.plan.Seed, uint64(ru.plan.Agent)+1))
	gap := 1e9 * float64(ru.plan.Agents) / ru.plan.Churn
	var visits sync.WaitGroup
	defer visits.Wait()
	at := float64(ru.start.At)
	for {
		at += random.ExpFloat64() * gap
		if until(ru.moves, int64(at)); ru.moves.Err() != nil || at >= float64(ru.start.End) {
			return
		}
		i := (ru.own-1-random.IntN(listeners))*ru.plan.Agents + ru.plan.Agent
		c := ru.engine.conn(i)
		if c == nil {
			continue
		}
		c.poller.mu.Lock()
		gone := c.part()
		c.poller.mu.Unlock()
		if !gone {
			continue // it has left and is not back yet
		}
		visits.Go(func() {
			// The server's answer ends the connection. Without an answer, the Close below does.
			_ = writeNow(c, closeFrame)
			until(ru.moves, Now()+int64(closeTimeout))
			_ = c.nc.Close() // an error means that it is closed already
			ru.reopen(c)
		})
	}
}

// reopen opens a connection again. It repeats a failed attempt until the run is over. It reports whether the connection opened.
func (ru *run) reopen(from *conn) bool {
	for ru.moves.Err() == nil {
		if _, err := ru.dialer.one(ru.moves, int(from.member.connection), from); err == nil {
			return true
		}
		if ru.moves.Err() != nil {
			break
		}
		ru.back.mu.Lock()
		ru.back.refused++
		ru.back.mu.Unlock()
		until(ru.moves, Now()+int64(retryAfter))
	}
	from.poller.mu.Lock()
	defer from.poller.mu.Unlock()
	if from.member.away {
		from.room.leave(&from.member)
	}
	return false
}

// runEvent waits for the time of the event, and starts the event.
func (ru *run) runEvent() {
	if until(ru.moves, ru.start.Event); ru.moves.Err() != nil {
		return
	}
	for i := range ru.slow {
		if c := ru.engine.conn(i); c != nil {
			ru.stopReading(c)
		}
	}
	if len(ru.slow) > 0 {
		ru.moving.Go(ru.probe)
	}
	at := Now()
	var killed []*conn
	for _, i := range ru.kill {
		if c := ru.engine.conn(i); c != nil && ru.killOne(c) {
			killed = append(killed, c)
		}
	}
	ru.back.mu.Lock()
	ru.back.killed = len(killed)
	ru.back.mu.Unlock()
	ru.reconnect(killed, at)
}

func (ru *run) stopReading(c *conn) {
	c.poller.mu.Lock()
	defer c.poller.mu.Unlock()
	if !c.listens() {
		return
	}
	c.room.leave(&c.member)
	// From now on the kernel buffers little for it. An error means that the connection is ending, which onClose counts.
	_ = c.nc.SetReadBuffer(smallBuffer)
	c.stopped = Now()
	ru.back.mu.Lock()
	ru.back.stopped++
	ru.back.mu.Unlock()
}

// probe makes the end of connections that stopped reading visible, because it lies behind the bytes that they do not read. It sends a pong
// without a ping, which RFC 6455, 5.5.3 allows. If the server has closed the connection, the pong is answered by a reset.
func (ru *run) probe() {
	pong := ws.AppendMaskedFrame(nil, ws.OpPong, controlMask, nil)
	for {
		if pause(ru.moves, probeEvery); ru.moves.Err() != nil {
			return
		}
		for i := range ru.slow {
			if c := ru.engine.conn(i); c != nil && c.is() == open {
				_ = writeNow(c, pong) // an error is the end that probe looks for, and onClose counts it
			}
		}
	}
}

func (ru *run) killOne(c *conn) bool {
	c.poller.mu.Lock()
	defer c.poller.mu.Unlock()
	if !c.part() {
		return false
	}
	c.touched = true
	switch ru.plan.By {
	case BySilence:
		c.stopped = Now()
		return true
	case ByRST:
		_ = c.nc.SetLinger(1, 0) // an error means that it is closed already
	}
	_ = c.nc.Close()
	return true
}

// reconnect opens the killed connections again, with up to plan.Dials attempts at a time, each after its random delay.
func (ru *run) reconnect(killed []*conn, at int64) {
	random := rand.New(rand.NewPCG(ru.plan.Seed, uint64(ru.plan.Agent)+2))
	type visit struct {
		from *conn
		when int64
	}
	visits := make([]visit, len(killed))
	for k, c := range killed {
		visits[k] = visit{from: c, when: at}
		if ru.plan.Jitter > 0 {
			visits[k].when += random.Int64N(int64(ru.plan.Jitter))
		}
	}
	slices.SortFunc(visits, func(a, b visit) int { return int(a.when - b.when) })
	queue := make(chan visit)
	var workers sync.WaitGroup
	for range min(ru.plan.Dials, len(visits)) {
		workers.Go(func() {
			for v := range queue {
				if until(ru.moves, v.when); ru.reopen(v.from) {
					ru.back.mu.Lock()
					ru.back.after.Record(Now() - at)
					ru.back.mu.Unlock()
				}
			}
		})
	}
	for _, v := range visits {
		queue <- v // after the end of the run, without further delays
	}
	close(queue)
	workers.Wait()
}

// heartbeat sends the protocol's heartbeat on every connection, at the protocol's interval.
func (ru *run) heartbeat() {
	b := ws.AppendMaskedFrame(nil, ws.OpText, controlMask, []byte(ru.plan.Protocol.Beat))
	for {
		if pause(ru.moves, ru.plan.Protocol.Every); ru.moves.Err() != nil {
			return
		}
		for _, c := range ru.engine.all() {
			if c.is() == open {
				_ = writeNow(c, b) // an error means that the connection has ended, which onClose counts
			}
		}
	}
}
