package server

import (
	"sync/atomic"
	"time"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/wheel"
	"github.com/throng-chat/throng/server/ws"
)

// session is what a connection of the SDK protocol has beyond a plain one: who it is, and the rooms it is in. Its commands
// are dealt with one after another, on its poller, which owns it. What others want of it they post to the poller.
type session struct {
	// Constant after newSession.
	conn     *fanout.Conn
	hub      *sessions
	poller   *fanout.Poller
	source   *chat.Address // nil where addresses do not count
	encoding encoding
	early    bool   // its client sent something ahead of the answer to the handshake
	client   string // its id, which everybody may see

	// Owned by the poller.
	state      sessionState
	user       *chat.User       // nil until it is connected
	info       *chat.ClientInfo // who it is, as others see it; replaced, never changed
	meta       []byte           // what its token says only to the application
	expires    expiry           // of its token
	credential chat.Credential  // of its token
	tokenUser  string           // who its tokens must name: not always info.User, as the application has the last word
	subs       []*subscription
	replies    *replyFrame              // of the frame under way, not yet posted; nil for none
	talksIn    *chat.Room               // where it made others hear something: it is not read from while that is behind
	messages   limiter.Meter            // commands
	floods     bool                     // it has wanted more than its rate of bytes for too long: its publications are refused
	strikes    int                      // commands over a limit, since the last that was not
	drawn      limiter.Meter            // bytes of replies whose size the command does not bound
	recovered  limiter.Meter            // bytes of what it was told that it had missed
	meters     map[string]limiter.Meter // of publications, by room, where rooms have a rate; nil before the first
	asking     *uint64                  // while the application is asked whether it may connect: the first word that may be meant for it (Words.Begin)
	entering   *entry                   // while the application is asked whether it may subscribe
	waitsFrom  wheel.Tick
	asksNext   func() // what it goes on with when it is no longer blocked
	underWay   int    // bytes of the command being dealt with, and of those behind it in its frame
	held       int    // bytes reserved for them while the session waits
	unfinished []byte // commands of the frame under way, behind the one that waits
	unread     []byte // bytes behind that frame
	heldUnread int    // bytes reserved for unread

	// Owned by the shard.
	joined []*fanout.Member

	// Shared by the shard and the poller.
	unreadReplies atomic.Int64 // bytes of the long replies of which some waits in the outbox

	blocked atomic.Bool // the session waits for its client to read; whoever resets it goes on

	// Read by others.
	identity atomic.Pointer[chat.ClientInfo] // info, for the admin port

	farewell atomic.Pointer[farewell] // of who closed it first; nil where nobody did

	due fanout.Timers // pings, and when the poller is to look for what has expired
}

// farewell is what a close frame says.
type farewell struct {
	code ws.CloseCode
	text string
}

type sessionState uint8

const (
	opened    sessionState = iota // connect has not come
	connected                     // it is somebody
	refused                       // connect was answered with an error: nothing more is answered
)

// subscription is a session's place in a room.
type subscription struct {
	chat.Membership

	// Constant once it is in the room.
	serverSide bool
	byToken    bool // named by the connection's token: the next one may take it away

	// Owned by the poller.
	expires    expiry           // of its token
	credential *chat.Credential // of its token; nil where it has none of its own
}

const (
	staleTimeout = 10 * time.Second // for connect to arrive
	expiryGrace  = 10 * time.Second // an SDK asks for a new token when the old one has expired
	maxStrikes   = 100              // refused commands in a row before the connection is ended
	heldSession  = 512              // bytes that a waiting session takes beyond its commands, about
	maxHeld      = 64 << 20         // bytes of commands that wait, of all connections together
)

// newSession begins a session. early is what came ahead of the answer to the handshake.
func newSession(c *fanout.Conn, h *sessions, source *chat.Address, e encoding, early []byte) *session {
	s := &session{conn: c, hub: h, source: source, encoding: e, unread: early, early: len(early) > 0}
	c.Hold(s.early)
	s.due.Deadline.Store(uint32(s.later(staleTimeout)))
	return s
}

// later is now and so much, in ticks.
func (s *session) later(d time.Duration) wheel.Tick { return s.hub.Clock.Tick() + fanout.InTicks(d) }

// find is the subscription to a room, nil for none.
func (s *session) find(room string) *subscription {
	for _, sub := range s.subs {
		if sub.Room.Name == room {
			return sub
		}
	}
	return nil
}

// disconnect ends the connection. Any goroutine may call it.
func (s *session) disconnect(d disconnect) { s.conn.Close(d.reason, d.code, d.text) }

// dismiss ends the connection behind the answers to what it asked before. Called on the poller.
func (s *session) dismiss(d disconnect) {
	s.flush()
	s.disconnect(d)
}

// fail answers a command with an error.
func (s *session) fail(id uint32, e *protocol.Error) {
	s.hub.Metrics.CommandErrors.WithLabelValues(errorLabel(e)).Inc()
	s.reply(&protocol.Reply{Id: id, Error: e})
}

// flush posts the replies gathered so far, in one frame.
func (s *session) flush() {
	if replies := s.take(); replies != nil {
		s.conn.Shard.Post(fanout.Job{Do: fanout.SendReply, Conn: s.conn, Reply: replies})
	}
}

func (s *session) take() *replyFrame {
	replies := s.replies
	s.replies = nil
	return replies
}

// reply answers a command, or tells the client something that is no reply.
func (s *session) reply(r *protocol.Reply) {
	if s.replies == nil {
		s.replies = newReplyFrame(s.encoding)
	}
	s.replies.list = append(s.replies.list, r)
}

// push tells the client something that is no reply.
func (s *session) push(p *protocol.Push) {
	s.reply(&protocol.Reply{Push: p})
}

// schedule files the connection anew for the nearest thing of it that expires.
func (s *session) schedule() {
	next := s.expires
	for _, sub := range s.subs {
		if sub.expires != 0 && (next == 0 || sub.expires < next) {
			next = sub.expires
		}
	}
	s.due.Deadline.Store(uint32(s.hub.tickOf(next.end())))
	s.hub.Heartbeat.File(s.conn)
}

// expire ends what has expired. Called on the poller.
func (s *session) expire() {
	if s.conn.Closing() {
		return
	}
	if s.state != connected {
		if s.conn.Is(fanout.Held) {
			// It said who it is, and that is looked into.
			s.due.Deadline.Store(uint32(s.later(staleTimeout)))
			s.hub.Heartbeat.File(s.conn)
			return
		}
		s.dismiss(disconnectStale)
		return
	}
	now := s.hub.Clock.Today()
	if s.expires.over(now) {
		s.dismiss(disconnectExpired)
		return
	}
	for i := len(s.subs) - 1; i >= 0; i-- {
		if sub := s.subs[i]; sub.expires.over(now) {
			s.endSubscription(sub, endedExpired)
		}
	}
	s.flush()
	s.schedule()
}

// await does work off the loop and then finishes on the poller with what it returned, or refuses there where there is too
// much to do. Until then the client's next command waits. finish and refuse may await again.
func (s *session) await(by *workers, work func() (finish func()), refuse func()) {
	if !s.pause() {
		refuse()
		return
	}
	accepted := by.do(s.conn.Household(), func() {
		var finish func()
		s.hub.Loop.Contain(s.conn, func() { finish = work() })
		s.poller.Post(func() { s.resume(finish) })
	}, func() {
		s.poller.Post(func() { s.resume(refuse) })
	})
	if !accepted {
		s.unpause()
		refuse()
	}
}

// pause stops reading from the client, until resume. It is false, and the session does not wait, where the commands of others that
// wait leave no memory for its own.
func (s *session) pause() bool {
	s.flush()
	n := s.underWay + heldSession
	if !s.hub.heldCommands.Reserve(n) {
		return false
	}
	s.held = n
	s.waitsFrom = s.hub.Clock.Tick()
	s.conn.Hold(true)
	return true
}

func (s *session) unpause() {
	s.conn.Hold(false)
	s.hub.heldCommands.Release(s.held)
	s.held = 0
}

// OnUnread keeps what the client sent behind the frame whose commands wait. b is on loan for the call.
func (s *session) OnUnread(b []byte) {
	if !s.hub.heldCommands.Reserve(len(b)) {
		s.disconnect(disconnectTooMany)
		return
	}
	s.heldUnread += len(b)
	s.unread = append(s.unread, b...)
}

func (s *session) takeUnread() []byte {
	unread := s.unread
	s.unread = nil
	s.hub.heldCommands.Release(s.heldUnread)
	s.heldUnread = 0
	return unread
}

// resume finishes what the session waited for. Called on the poller.
func (s *session) resume(finish func()) {
	s.hub.Loop.Contain(s.conn, func() {
		s.forgiveWait()
		s.unpause()
		if s.conn.Closing() {
			s.unfinished = nil
			s.takeUnread()
			s.hub.Loop.Read(s.conn) // it may have ended meanwhile, unread
			return
		}
		strikes := s.strikes
		finish()
		if s.strikes == strikes && !s.conn.Is(fanout.Held) {
			s.strikes = 0
		}
		s.goOn()
	})
}

// forgiveWait gives the client that was not read from so much longer to answer a ping.
func (s *session) forgiveWait() {
	if pinged := s.conn.Pinged.Load(); pinged != 0 {
		waited := s.hub.Clock.Tick() - max(s.waitsFrom, wheel.Tick(pinged))
		s.conn.Pinged.CompareAndSwap(pinged, pinged+uint32(waited))
	}
}

// goOn deals with what came while the session waited, and reads on, unless it waits again. Called on the poller.
func (s *session) goOn() {
	now := s.hub.Clock.Now()
	if !s.conn.Is(fanout.Held) {
		commands := s.unfinished
		s.unfinished = nil
		s.onCommands(commands, now)
	}
	if !s.conn.Is(fanout.Held) {
		s.conn.Take(s.takeUnread(), now)
	}
	if !s.conn.Is(fanout.Held) {
		s.hub.Loop.Read(s.conn)
	}
}

// begin deals with what came ahead of the answer to the handshake. Called on the poller.
func (s *session) begin() {
	early := s.unread
	s.unread = nil
	s.conn.Hold(false)
	if !s.conn.Closing() {
		s.conn.OnData(early, s.hub.Clock.Now())
	}
	s.goOn()
}

// expel ends the connection, and takes it out of its rooms at once, not when its client has answered. Called on the poller.
func (s *session) expel(d disconnect) {
	s.disconnect(d)
	s.leaveAll()
}

func (s *session) leaveAll() {
	for len(s.subs) > 0 {
		s.leave(s.subs[len(s.subs)-1])
	}
}

// end takes the session out of everything it is in. Called on the poller, once, when the socket is closed.
func (s *session) end() {
	s.endAsking()
	s.leaveAll()
	s.tellDisconnect()
	if s.user != nil {
		s.hub.RemoveUser(s.user, s)
		s.user = nil
	}
}
