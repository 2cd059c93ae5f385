package agent

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/throng-chat/throng/server/ws"
)

// What happens to connections in the middle of a run: they leave and come back, are killed, or stop reading.

// The ways to kill a connection.
const (
	ByRST     = "rst"     // the socket is reset
	ByFIN     = "fin"     // it is closed without a word of WebSocket
	BySilence = "silence" // it stays open and nothing is answered any more
)

// knockEvery is how finely it is told when a server has cut a reader that stopped.
const knockEvery = 200 * time.Millisecond

// retryAfter is the pause before one that was refused tries again.
const retryAfter = 100 * time.Millisecond

// churn makes connections that only listen leave, by chance, and come back a second later.
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
			continue // it is away just now
		}
		visits.Go(func() {
			// The server's answer ends the connection; if there is none, this does.
			_ = writeNow(c.nc, bye)
			until(ru.moves, Now()+int64(goodbye))
			_ = c.nc.Close() // it may be closed already
			ru.comeBack(c)
		})
	}
}

// comeBack opens a connection that ended again, however often it takes, until the run is over.
func (ru *run) comeBack(from *conn) bool {
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

// happen waits for the event, and does it.
func (ru *run) happen() {
	if until(ru.moves, ru.start.Event); ru.moves.Err() != nil {
		return
	}
	for i := range ru.slow {
		if c := ru.engine.conn(i); c != nil {
			ru.stopReading(c)
		}
	}
	if len(ru.slow) > 0 {
		ru.moving.Go(ru.knock)
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
	// Its kernel is to hold little for it from now on. One that is just being closed is counted as closed.
	_ = c.nc.SetReadBuffer(smallBuffer)
	c.stopped = Now()
	ru.back.mu.Lock()
	ru.back.stopped++
	ru.back.mu.Unlock()
}

// knock lets the end of those that stopped reading be seen, which lies behind all that they leave unread: a pong nobody asked for
// (RFC 6455, 5.5.3) is answered by a reset where the server has ended the connection.
func (ru *run) knock() {
	pong := ws.AppendMaskedFrame(nil, ws.OpPong, controlMask, nil)
	for {
		if pause(ru.moves, knockEvery); ru.moves.Err() != nil {
			return
		}
		for i := range ru.slow {
			if c := ru.engine.conn(i); c != nil && c.is() == open {
				_ = writeNow(c.nc, pong) // an error is the end that is looked for, and onClose counts it
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
		_ = c.nc.SetLinger(1, 0) // it may be closed already
	}
	_ = c.nc.Close()
	return true
}

// reconnect brings the killed back, so many at a time, each after its jitter.
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
				if until(ru.moves, v.when); ru.comeBack(v.from) {
					ru.back.mu.Lock()
					ru.back.after.Record(Now() - at)
					ru.back.mu.Unlock()
				}
			}
		})
	}
	for _, v := range visits {
		queue <- v // when the run is over, nobody waits for a moment any more
	}
	close(queue)
	workers.Wait()
}

// beat says on every connection, now and then, what the protocol wants to hear.
func (ru *run) beat() {
	b := ws.AppendMaskedFrame(nil, ws.OpText, controlMask, []byte(ru.plan.Protocol.Beat))
	for {
		if pause(ru.moves, ru.plan.Protocol.Every); ru.moves.Err() != nil {
			return
		}
		for _, c := range ru.engine.all() {
			if c.is() == open {
				_ = writeNow(c.nc, b) // one that is gone is counted as closed
			}
		}
	}
}
