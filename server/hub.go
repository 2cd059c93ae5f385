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

	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/logqueue"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/netpoll"
	"github.com/throng-chat/throng/server/token"
	"github.com/throng-chat/throng/server/wheel"
)

const framesPerMessage = 2 // a connection may send twice as many frames as messages

// hub knows the rooms and gives every message its place in the order of its room: what is posted under the lock of a room's stripe
// reaches each shard in the order in which it was posted, so all members of a room hear the same sequence.
type hub struct {
	// Constant after newHub.
	*engine
	messageRate limiter.Rate
	userRate    limiter.Rate
	addressRate limiter.Rate
	complaint   rate.Sometimes // of what tokens and the application ask for in vain

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
	spentByUsers limiter.Parked[string]
	words        words

	addressesMu      sync.Mutex // a leaf
	addresses        map[netip.Addr]*address
	spentByAddresses limiter.Parked[netip.Addr]

	heldCommands limiter.Budget // bytes of commands that wait for work off the loop

	replyRate limiter.Rate   // bytes of replies whose size the command does not bound, for one connection
	owed      limiter.Budget // bytes of long replies that are being made, or not read
	questions *questions

	answers   *workers // long answers in the making
	verifiers *workers // of tokens whose signatures take milliseconds
	hooks     *hooks   // nil for none; set by New, constant from then on
}

func newHub(cfg Config, log *slog.Logger, m *metrics.Metrics, tokens *token.Verifier, shards int) *hub {
	h := &hub{
		engine: newEngine(engineConfig{
			shards: shards, maxConnections: cfg.MaxConnections, maxMessage: cfg.MaxMessage, frames: cfg.Rate * framesPerMessage,
			rateBytes: cfg.RateBytes, maxUnsent: cfg.MaxUnsent, maxRetained: cfg.MaxRetained,
		}, log, m),
		messageRate: limiter.PerSecond(cfg.Rate),
		complaint:   logqueue.EverySecond(),

		patterns:        cfg.Rooms,
		anyRoom:         otherRoom(cfg.OtherRooms),
		closed:          cfg.OtherRooms == roomsClosed,
		names:           nameRules{users: cfg.UserRooms, private: cfg.PrivateRooms},
		guests:          cfg.guestsAllowed(),
		personalRooms:   cfg.PersonalRooms,
		maxRooms:        cfg.MaxRooms,
		maxOfUser:       cfg.MaxConnectionsUser,
		maxOfAddress:    cfg.MaxConnectionsAddress,
		userRate:        limiter.PerSecond(cfg.RateUser),
		addressRate:     limiter.PerSecond(cfg.RateAddress),
		countsAddresses: cfg.MaxConnectionsAddress > 0 || cfg.RateAddress > 0 || len(cfg.TrustedProxies) > 0,
		pingInterval:    cfg.PingInterval,
		clientPrefix:    randomWord(8),
		tokens:          tokens,
		moderation:      newModeration(),

		users:     map[string]*user{},
		addresses: map[netip.Addr]*address{},
		archive:   archive{most: cfg.HistoryBytes},
		positions: newPositions(),
		answers:   newWorkers(shards, maxAnswers, answerPatience),
		verifiers: newWorkers(max(1, shards/2), maxVerifying, answerPatience),

		heldCommands: limiter.Budget{Most: int64(max(maxHeld, messagesInAll*cfg.MaxMessage)), Share: 4},
		replyRate:    limiter.PerSecond(repliesFactor * cfg.MaxUnsent),
		owed:         limiter.Budget{Most: maxOwed, Share: 2},
	}
	h.rooms = newRooms(h)
	h.archive.evictedFrom = h.tidyLocked
	h.questions = newQuestions(h.answers, &h.owed)
	return h
}

// join makes a member of a room out of a socket whose handshake is done. hello, the answer to the handshake, is the first
// thing it is sent; what is posted to the room after join comes behind it. early is what the client sent ahead of our
// answer. The caller has reserved a place, and, where the room's members are limited, one in the room: its seat, else nil.
func (h *hub) join(nc *netpoll.Socket, source *address, roomName string, seat *room, hello, early []byte) {
	p := &plain{source: source}
	p.place = member{conn: &p.conn, at: -1}
	h.newConn(&p.conn, nc, p)

	in := h.rooms.stripeOf(roomName)
	in.mu.Lock()
	r := seat
	if r == nil {
		r = h.roomLocked(in, roomName)
		r.members++
	}
	p.place.topic = r.topicLocked(p.shard, format(plainEncoding))
	p.place.topic.members++
	wake := h.welcome(&p.conn, &p.place, hello, early)
	in.mu.Unlock()
	h.wake(wake)
}

// open makes a connection of the SDK protocol out of a socket whose handshake is done: as join, but it is in no room.
func (h *hub) open(nc *netpoll.Socket, source *address, e encoding, hello, early []byte) {
	c := &conn{}
	s := newSession(c, h, source, e, early)
	h.newConn(c, nc, s)
	s.poller = c.poller()
	s.client = clientID(h.clientPrefix, c.id)
	h.wake(h.welcome(c, nil, hello, nil))
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

// onTick is called on the heartbeat at each tick.
func (h *hub) onTick(now time.Time, tick wheel.Tick) {
	h.age(tick)
	h.announce()
	h.relieveOwed(tick)
	h.moderation.expire(now)
}
