package server

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/token"
	"github.com/throng-chat/throng/server/ws"
)

const (
	maxFragments     = 64 // of one message, empty ones counted
	framesPerMessage = 2  // a connection may send twice as many frames as messages
)

// hub knows the rooms and gives every message its place in the order of its room: what is posted under the lock of a room's stripe
// reaches each shard in the order in which it was posted, so all members of a room hear the same sequence.
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
	byteRate    byteRate
	userRate    rateLimit
	addressRate rateLimit
	maxUnsent   int
	maxLive     int64

	maxRetained     int64          // bytes that all outboxes may cost
	maxRetainedRoom int64          // bytes that the slow members of one room may make it retain
	slow            rate.Sometimes // to say so
	complaint       rate.Sometimes // of what tokens and the application ask for in vain

	// Constant after newHub: the chat backend.
	patterns        []RoomOptions
	anyRoom         RoomOptions // what a room offers that no pattern fits
	closed          bool        // such rooms are for the application alone
	names           nameRules
	guests          bool
	personalRooms   bool
	maxRooms        int
	maxOfUser       int
	maxOfAddress    int
	countsAddresses bool
	pingInterval    time.Duration
	clientPrefix    string // of this process's client ids
	tokens          *token.Verifier
	moderation      *moderation

	rooms        *rooms
	archive      archive
	positions    *positions
	said         said
	pendingBytes atomic.Int64 // of joins and leaves that wait to be sent, in all rooms

	usersMu      sync.Mutex // a leaf
	users        map[string]*user
	spentByUsers spent[string]
	words        words

	addressesMu      sync.Mutex // a leaf
	addresses        map[netip.Addr]*address
	spentByAddresses spent[netip.Addr]

	lastID atomic.Uint64

	live     atomic.Int64 // connections, from reserve to leave
	draining atomic.Bool
	retained atomic.Int64 // bytes that all outboxes cost

	unfinished *unfinished // messages that have begun and not ended

	heldCommands budget // bytes of commands that wait for work off the loop

	replyRate rateLimit // bytes of replies whose size the command does not bound, for one connection
	owed      budget    // bytes of long replies that are being made, or not read
	questions *questions

	answers   *workers // long answers in the making
	verifiers *workers // of tokens whose signatures take milliseconds
	hooks     *hooks   // nil for none; constant after Server.start
}

func newHub(cfg Config, log *slog.Logger, m *metrics, tokens *token.Verifier, shards int) *hub {
	h := &hub{
		log:         log,
		metrics:     m,
		clock:       newClock(),
		rules:       ws.Rules{MaxMessage: cfg.MaxMessage, MaxFragments: maxFragments},
		messageRate: perSecond(cfg.Rate),
		frameRate:   perSecond(cfg.Rate * framesPerMessage),
		byteRate:    byteRate(cfg.RateBytes),
		maxUnsent:   cfg.MaxUnsent,
		maxLive:     int64(cfg.MaxConnections),
		slow:        everySecond(),
		complaint:   everySecond(),

		maxRetained:     int64(cfg.MaxRetained),
		maxRetainedRoom: int64(max(cfg.MaxRetained/roomShareRetained, 2*cfg.MaxMessage)),

		patterns:        cfg.Rooms,
		anyRoom:         otherRoom(cfg.OtherRooms),
		closed:          cfg.OtherRooms == roomsClosed,
		names:           nameRules{users: cfg.UserRooms, private: cfg.PrivateRooms},
		guests:          cfg.guestsAllowed(),
		personalRooms:   cfg.PersonalRooms,
		maxRooms:        cfg.MaxRooms,
		maxOfUser:       cfg.MaxConnectionsUser,
		maxOfAddress:    cfg.MaxConnectionsAddress,
		userRate:        perSecond(cfg.RateUser),
		addressRate:     perSecond(cfg.RateAddress),
		countsAddresses: cfg.MaxConnectionsAddress > 0 || cfg.RateAddress > 0 || len(cfg.TrustedProxies) > 0,
		pingInterval:    cfg.PingInterval,
		clientPrefix:    randomWord(8),
		tokens:          tokens,
		moderation:      newModeration(),

		rooms:     newRooms(),
		users:     map[string]*user{},
		addresses: map[netip.Addr]*address{},
		archive:   archive{most: cfg.HistoryBytes},
		positions: newPositions(),
		answers:   newWorkers(shards, maxAnswers, answerPatience),
		verifiers: newWorkers(max(1, shards/2), maxVerifying, answerPatience),

		unfinished:   newUnfinished(cfg.MaxMessage),
		heldCommands: budget{most: int64(max(maxHeld, messagesInAll*cfg.MaxMessage)), share: 4},
		replyRate:    perSecond(repliesFactor * cfg.MaxUnsent),
		owed:         budget{most: maxOwed, share: 2},
	}
	h.archive.evictedFrom = h.tidyLocked
	h.questions = newQuestions(h.answers, &h.owed)
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
// answer. The caller has reserved a place, and, where the room's members are limited, one in the room: its seat, else nil.
func (h *hub) join(nc *netpoll.Socket, source *address, roomName string, seat *room, hello, early []byte) {
	c := h.newConn(nc, source)
	c.place = member{conn: c, at: -1}

	h.number(c)

	in := h.rooms.stripeOf(roomName)
	in.mu.Lock()
	r := seat
	if r == nil {
		r = h.roomLocked(in, roomName)
		r.members++
	}
	c.place.part = r.partLocked(c.shard, plainEncoding)
	c.place.part.members++
	wake := h.welcome(c, hello, early)
	in.mu.Unlock()
	h.wake(wake)
}

// open makes a connection of the SDK protocol out of a socket whose handshake is done: as join, but it is in no room.
func (h *hub) open(nc *netpoll.Socket, source *address, e encoding, hello, early []byte) {
	c := h.newConn(nc, source)
	s := newSession(c, h, h.loop.pollerOf(c), e, early)
	c.session = s
	s.deadline.Store(uint32(s.later(staleTimeout)))

	h.number(c)
	s.client = clientID(h.clientPrefix, c.id)
	h.wake(h.welcome(c, hello, early))
}

// reserveSeat counts a plain client as a member of a room before its handshake is answered. ok is false if the room is full.
// The seat is nil if the room has no limit of members. Return an unused seat with releaseSeat.
func (h *hub) reserveSeat(roomName string) (seat *room, ok bool) {
	most := h.optionsOf(roomName).MaxMembers
	if most == 0 {
		return nil, true
	}
	in := h.rooms.stripeOf(roomName)
	in.mu.Lock()
	defer in.mu.Unlock()
	r := h.roomLocked(in, roomName)
	if r.members >= most {
		h.tidyLocked(r)
		return nil, false
	}
	r.members++
	return r, true
}

func (h *hub) releaseSeat(seat *room) {
	if seat == nil {
		return
	}
	seat.stripe.mu.Lock()
	defer seat.stripe.mu.Unlock()
	seat.members--
	h.tidyLocked(seat)
}

func (h *hub) newConn(nc *netpoll.Socket, source *address) *conn {
	return &conn{nc: nc, source: source, since: h.clock.tick()}
}

// number gives c its number and its shard.
func (h *hub) number(c *conn) {
	c.id = h.lastID.Add(1)
	c.shard = h.shards[c.id%uint64(len(h.shards))]
}

// welcome posts c to its shard: from there on it is shared. The lock of c's room is held, if it is in one.
func (h *hub) welcome(c *conn, hello, early []byte) (wake uint64) {
	// The last write before: what is stored here orders all the fields above.
	c.seen.Store(uint32(h.heartbeat.phase(c)))
	return c.shard.push(job{do: joinHub, conn: c, frame: hello, early: early})
}

// roomLocked is the room of that name, made where there is none. in is the stripe of that name; its lock is held.
func (h *hub) roomLocked(in *stripe, name string) *room {
	r := in.rooms[name]
	if r == nil {
		// The name may be a part of a request's head, or of a frame.
		r = newRoom(in, strings.Clone(name), h.optionsOf(name), len(h.shards))
		if r.options.HistorySize > 0 {
			at := h.positions.take(name)
			r.history.epoch, r.history.top = at.epoch, at.offset
		}
		in.rooms[r.name] = r
	}
	return r
}

// tidyLocked forgets a room that nobody is in, unless it remembers publications. The room's lock is held.
func (h *hub) tidyLocked(r *room) {
	if r.members == 0 {
		h.discardEventsLocked(r)
	}
	switch {
	case r.members > 0 || r.stripe.rooms[r.name] != r:
	case r.history.count > 0:
		r.last = nil
		h.keepLocked(r)
	default:
		h.forgetLocked(r)
	}
}

// gone is told of a socket that is closed. Called on the closer. A session is taken apart by its poller, which owns it.
func (h *hub) gone(c *conn) {
	if c.session == nil {
		h.leave(c)
		return
	}
	c.session.poller.post(func() { h.leave(c) })
}

// leave counts a connection out whose socket is closed; a second call does nothing. Called on the closer, for a session on
// its poller.
func (h *hub) leave(c *conn) {
	if c.left.Swap(true) {
		return
	}
	c.reason.CompareAndSwap(uint32(stillOpen), uint32(closedGone))
	reason := closeReason(c.reason.Load())
	h.metrics.closes[reason].Inc()
	if reason == closedSlow {
		h.slow.Do(func() {
			h.log.Warn("slow reader closed; others may follow unnamed", "conn", c.id, "address", c.address())
		})
	}
	h.heartbeat.remove(c)
	h.unfinished.remove(c)
	if c.session != nil {
		c.session.end()
	}

	if p := c.place.part; p != nil {
		p.room.stripe.mu.Lock()
		p.room.members--
		p.members--
		h.tidyLocked(p.room)
		p.room.stripe.mu.Unlock()
	}
	c.shard.post(job{do: leaveHub, conn: c})
	h.releaseAddress(c.source)
	h.release()
}

// call runs f on every shard in turn and waits for it. Not to be called on the loop or on a shard.
func (h *hub) call(f func(*shard)) {
	for _, s := range h.shards {
		done := make(chan struct{})
		s.post(job{do: callBack, call: func() {
			defer close(done)
			f(s)
		}})
		<-done
	}
}

// closeAll tells every connection that the server goes away.
func (h *hub) closeAll() {
	h.call(func(s *shard) {
		for _, c := range s.conns {
			c.sayGoodbye()
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

// clientID is a connection's id as clients know it: unique over processes, and no hint of how many there are.
func clientID(prefix string, id uint64) string {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(prefix), id))
	return hex.EncodeToString(sum[:16])
}

func randomWord(bytes int) string {
	word := make([]byte, bytes)
	rand.Read(word) // never fails (crypto/rand)
	return hex.EncodeToString(word)
}
