package server

import (
	"log/slog"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lesismal/nbio"
	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/ws"
)

// hub knows the rooms and gives every message its place in the order of its room: what is posted under mu reaches each
// shard in the order in which it was posted, so all members of a room hear the same sequence.
type hub struct {
	// Constant after newHub and Server.start.
	log         *slog.Logger
	metrics     *metrics
	clock       *clock
	loop        *loop
	heartbeat   *heartbeat
	shards      []*shard
	rules       ws.Rules
	messageRate rateLimit
	frameRate   rateLimit
	maxUnsent   int
	maxLive     int64
	slow        rate.Sometimes // to say so

	mu     sync.Mutex // a leaf, held for the time of an append
	rooms  map[string]*room
	lastID uint64
	// and shard.inbox of every shard

	live     atomic.Int64 // connections, from reserve to leave
	draining atomic.Bool
}

func newHub(cfg Config, log *slog.Logger, m *metrics, shards int) *hub {
	h := &hub{
		log:         log,
		metrics:     m,
		clock:       newClock(),
		rules:       ws.Rules{MaxMessage: cfg.MaxMessage, MaxFragments: maxFragments},
		messageRate: perSecond(cfg.Rate),
		frameRate:   perSecond(cfg.Rate * framesPerMessage),
		maxUnsent:   cfg.MaxUnsent,
		maxLive:     int64(cfg.MaxConnections),
		slow:        everySecond(),
		rooms:       map[string]*room{},
	}
	for i := range shards {
		h.shards = append(h.shards, newShard(h, i))
	}
	return h
}

// reserve takes a place for one more connection. Give it back by release, or by conn's leaving.
func (h *hub) reserve() bool {
	if h.live.Add(1) > h.maxLive {
		h.release()
		return false
	}
	return true
}

func (h *hub) release() { h.live.Add(-1) }

// join makes a member of a room out of a socket whose handshake is done. hello, the answer to the handshake, is the first
// thing it is sent; what is posted to the room after join comes behind it. early is what the client sent ahead of our
// answer. The caller has reserved a place.
func (h *hub) join(nc *nbio.Conn, roomName string, hello, early []byte) {
	c := &conn{nc: nc, memberAt: -1, since: h.clock.tick()}

	h.mu.Lock()
	r := h.rooms[roomName]
	if r == nil {
		r = newRoom(roomName, len(h.shards))
		h.rooms[roomName] = r
	}
	h.lastID++
	c.id = h.lastID
	c.shard = h.shards[c.id%uint64(len(h.shards))]
	c.part = &r.parts[c.shard.index]
	r.members++
	c.part.members++
	// The last write before the connection is shared: what is stored here orders all the fields above.
	c.seen.Store(uint32(h.heartbeat.phase(c)))
	wake := c.shard.pushLocked(job{do: joinRoom, conn: c, frame: hello, early: early})
	h.mu.Unlock()
	if wake {
		c.shard.wake()
	}
}

// leave counts a connection out whose socket is closed. Called on the closer; a second call does nothing.
func (h *hub) leave(c *conn) {
	if c.left.Swap(true) {
		return
	}
	c.reason.CompareAndSwap(uint32(stillOpen), uint32(closedGone))
	reason := closeReason(c.reason.Load())
	h.metrics.closes[reason].Inc()
	if reason == closedSlow {
		h.slow.Do(func() {
			h.log.Warn("slow reader closed; others may follow unnamed", "conn", c.id, "address", c.address(), "room", c.part.room.name)
		})
	}
	h.heartbeat.remove(c)

	h.mu.Lock()
	r := c.part.room
	r.members--
	c.part.members--
	if r.members == 0 && h.rooms[r.name] == r {
		delete(h.rooms, r.name)
	}
	wake := c.shard.pushLocked(job{do: leaveRoom, conn: c})
	h.mu.Unlock()
	if wake {
		c.shard.wake()
	}
	h.release()
}

// publish gives a message to everybody in a room: encoded once, the same bytes for all. Called on the poller; payload is
// on loan for the call.
func (h *hub) publish(r *room, op ws.Opcode, payload []byte) {
	frame := encode(op, payload)
	h.metrics.messages.Inc()
	posted := 0
	var wake uint64
	h.mu.Lock()
	for i := range r.parts {
		if p := &r.parts[i]; p.members > 0 {
			posted += len(frame)
			if h.shards[i].pushLocked(job{do: deliver, part: p, frame: frame}) {
				wake |= 1 << i
			}
		}
	}
	// Under the lock, or a shard could subtract it first.
	r.backlog.Add(int64(posted))
	h.mu.Unlock()
	for ; wake != 0; wake &= wake - 1 {
		h.shards[bits.TrailingZeros64(wake)].wake()
	}
}

// post hands a job to a shard. Any goroutine may call it; it does not block.
func (h *hub) post(s *shard, j job) {
	h.mu.Lock()
	wake := s.pushLocked(j)
	h.mu.Unlock()
	if wake {
		s.wake()
	}
}

// call runs f on every shard in turn and waits for it. Not to be called on the loop or on a shard.
func (h *hub) call(f func(*shard)) {
	for _, s := range h.shards {
		done := make(chan struct{})
		h.post(s, job{do: callBack, call: func() {
			defer close(done)
			f(s)
		}})
		<-done
	}
}

// roomCount is for the metrics.
func (h *hub) roomCount() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.rooms)
}

// closeAll tells every connection that the server goes away.
func (h *hub) closeAll() {
	h.call(func(s *shard) {
		for _, c := range s.conns {
			c.close(closedShutdown, ws.CloseRestart, "server restarts")
		}
	})
}

// cutAll ends every connection at once and returns how many there were.
func (h *hub) cutAll() (n int) {
	h.call(func(s *shard) {
		n += len(s.conns)
		for _, c := range s.conns {
			c.cut(closedShutdown)
		}
	})
	return n
}

// waitEmpty waits until every connection is counted out, or for the time given.
func (h *hub) waitEmpty(limit time.Duration) {
	deadline := time.Now().Add(limit)
	for h.live.Load() > 0 && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
}
