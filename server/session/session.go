package session

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

// Session is what a connection of the SDK protocol has beyond a plain one: who it is, and the rooms it is in. Its commands
// are dealt with one after another, on its poller, which owns it. What others want of it they post to the poller.
type Session struct {
	// Constant after newSession.
	Conn     *fanout.Conn
	Hub      *Sessions
	Poller   *fanout.Poller
	source   *chat.Address // nil where addresses do not count
	Encoding Encoding
	early    bool   // its client sent something ahead of the answer to the handshake
	Client   string // its id, which everybody may see

	// Owned by the poller.
	State      sessionState
	User       *chat.User       // nil until it is connected
	Info       *chat.ClientInfo // who it is, as others see it; replaced, never changed
	meta       []byte           // what its token says only to the application
	expires    expiry           // of its token
	credential chat.Credential  // of its token
	tokenUser  string           // who its tokens must name: not always info.User, as the application has the last word
	Subs       []*Subscription
	replies    *ReplyFrame              // of the frame under way, not yet posted; nil for none
	talksIn    *chat.Room               // where it made others hear something: it is not read from while that is behind
	messages   limiter.Meter            // commands
	floods     bool                     // it has wanted more than its rate of bytes for too long: its publications are refused
	strikes    int                      // commands over a limit, since the last that was not
	drawn      limiter.Meter            // bytes of replies whose size the command does not bound
	Recovered  limiter.Meter            // bytes of what it was told that it had missed
	Meters     map[string]limiter.Meter // of publications, by room, where rooms have a rate; nil before the first
	asking     *uint64                  // while the application is asked whether it may connect: the first word that may be meant for it (Words.Begin)
	entering   *Entry                   // while the application is asked whether it may subscribe
	WaitsFrom  wheel.Tick
	asksNext   func() // what it goes on with when it is no longer blocked
	underWay   int    // bytes of the command being dealt with, and of those behind it in its frame
	held       int    // bytes reserved for them while the session waits
	Unfinished []byte // commands of the frame under way, behind the one that waits
	unread     []byte // bytes behind that frame
	heldUnread int    // bytes reserved for unread

	// Owned by the shard.
	joined []*fanout.Member

	// Shared by the shard and the poller.
	UnreadReplies atomic.Int64 // bytes of the long replies of which some waits in the outbox

	Blocked atomic.Bool // the session waits for its client to read; whoever resets it goes on

	// Read by others.
	Identity atomic.Pointer[chat.ClientInfo] // info, for the admin port

	Farewell atomic.Pointer[Farewell] // of who closed it first; nil where nobody did

	due fanout.Timers // pings, and when the poller is to look for what has expired
}

// Farewell is what a close frame says.
type Farewell struct {
	Code ws.CloseCode
	Text string
}

type sessionState uint8

const (
	opened    sessionState = iota // connect has not come
	Connected                     // it is somebody
	refused                       // connect was answered with an error: nothing more is answered
)

// Subscription is a session's place in a room.
type Subscription struct {
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
	ExpiryGrace  = 10 * time.Second // an SDK asks for a new token when the old one has expired
	MaxStrikes   = 100              // refused commands in a row before the connection is ended
	heldSession  = 512              // bytes that a waiting session takes beyond its commands, about
	maxHeld      = 64 << 20         // bytes of commands that wait, of all connections together
)

// newSession begins a session. early is what came ahead of the answer to the handshake.
func newSession(c *fanout.Conn, h *Sessions, source *chat.Address, e Encoding, early []byte) *Session {
	s := &Session{Conn: c, Hub: h, source: source, Encoding: e, unread: early, early: len(early) > 0}
	c.Hold(s.early)
	s.due.Deadline.Store(uint32(s.later(staleTimeout)))
	return s
}

// later is now and so much, in ticks.
func (s *Session) later(d time.Duration) wheel.Tick { return s.Hub.Clock.Tick() + fanout.InTicks(d) }

// Find is the subscription to a room, nil for none.
func (s *Session) Find(room string) *Subscription {
	for _, sub := range s.Subs {
		if sub.Room.Name == room {
			return sub
		}
	}
	return nil
}

// Disconnect ends the connection. Any goroutine may call it.
func (s *Session) Disconnect(d disconnect) { s.Conn.Close(d.reason, d.Code, d.Text) }

// dismiss ends the connection behind the answers to what it asked before. Called on the poller.
func (s *Session) dismiss(d disconnect) {
	s.flush()
	s.Disconnect(d)
}

// fail answers a command with an error.
func (s *Session) fail(id uint32, e *protocol.Error) {
	s.Hub.Metrics.CommandErrors.WithLabelValues(ErrorLabel(e)).Inc()
	s.Reply(&protocol.Reply{Id: id, Error: e})
}

// flush posts the replies gathered so far, in one frame.
func (s *Session) flush() {
	if replies := s.take(); replies != nil {
		s.Conn.Shard.Post(fanout.Job{Do: fanout.SendReply, Conn: s.Conn, Reply: replies})
	}
}

func (s *Session) take() *ReplyFrame {
	replies := s.replies
	s.replies = nil
	return replies
}

// Reply answers a command, or tells the client something that is no reply.
func (s *Session) Reply(r *protocol.Reply) {
	if s.replies == nil {
		s.replies = newReplyFrame(s.Encoding)
	}
	s.replies.list = append(s.replies.list, r)
}

// push tells the client something that is no reply.
func (s *Session) push(p *protocol.Push) {
	s.Reply(&protocol.Reply{Push: p})
}

// schedule files the connection anew for the nearest thing of it that expires.
func (s *Session) schedule() {
	next := s.expires
	for _, sub := range s.Subs {
		if sub.expires != 0 && (next == 0 || sub.expires < next) {
			next = sub.expires
		}
	}
	s.due.Deadline.Store(uint32(s.Hub.TickOf(next.End())))
	s.Hub.Heartbeat.File(s.Conn)
}

// expire ends what has expired. Called on the poller.
func (s *Session) expire() {
	if s.Conn.Closing() {
		return
	}
	if s.State != Connected {
		if s.Conn.Is(fanout.Held) {
			// It said who it is, and that is looked into.
			s.due.Deadline.Store(uint32(s.later(staleTimeout)))
			s.Hub.Heartbeat.File(s.Conn)
			return
		}
		s.dismiss(disconnectStale)
		return
	}
	now := s.Hub.Clock.Today()
	if s.expires.Over(now) {
		s.dismiss(DisconnectExpired)
		return
	}
	for i := len(s.Subs) - 1; i >= 0; i-- {
		if sub := s.Subs[i]; sub.expires.Over(now) {
			s.endSubscription(sub, endedExpired)
		}
	}
	s.flush()
	s.schedule()
}

// Await does work off the loop and then finishes on the poller with what it returned, or refuses there where there is too
// much to do. Until then the client's next command waits. finish and refuse may await again.
func (s *Session) Await(by *workers, work func() (finish func()), refuse func()) {
	if !s.Pause() {
		refuse()
		return
	}
	accepted := by.Do(s.Conn.Household(), func() {
		var finish func()
		s.Hub.Loop.Contain(s.Conn, func() { finish = work() })
		s.Poller.Post(func() { s.Resume(finish) })
	}, func() {
		s.Poller.Post(func() { s.Resume(refuse) })
	})
	if !accepted {
		s.unpause()
		refuse()
	}
}

// Pause stops reading from the client, until resume. It is false, and the session does not wait, where the commands of others that
// wait leave no memory for its own.
func (s *Session) Pause() bool {
	s.flush()
	n := s.underWay + heldSession
	if !s.Hub.HeldCommands.Reserve(n) {
		return false
	}
	s.held = n
	s.WaitsFrom = s.Hub.Clock.Tick()
	s.Conn.Hold(true)
	return true
}

func (s *Session) unpause() {
	s.Conn.Hold(false)
	s.Hub.HeldCommands.Release(s.held)
	s.held = 0
}

// OnUnread keeps what the client sent behind the frame whose commands wait. b is on loan for the call.
func (s *Session) OnUnread(b []byte) {
	if !s.Hub.HeldCommands.Reserve(len(b)) {
		s.Disconnect(disconnectTooMany)
		return
	}
	s.heldUnread += len(b)
	s.unread = append(s.unread, b...)
}

func (s *Session) takeUnread() []byte {
	unread := s.unread
	s.unread = nil
	s.Hub.HeldCommands.Release(s.heldUnread)
	s.heldUnread = 0
	return unread
}

// Resume finishes what the session waited for. Called on the poller.
func (s *Session) Resume(finish func()) {
	s.Hub.Loop.Contain(s.Conn, func() {
		s.forgiveWait()
		s.unpause()
		if s.Conn.Closing() {
			s.Unfinished = nil
			s.takeUnread()
			s.Hub.Loop.Read(s.Conn) // it may have ended meanwhile, unread
			return
		}
		strikes := s.strikes
		finish()
		if s.strikes == strikes && !s.Conn.Is(fanout.Held) {
			s.strikes = 0
		}
		s.goOn()
	})
}

// forgiveWait gives the client that was not read from so much longer to answer a ping.
func (s *Session) forgiveWait() {
	if pinged := s.Conn.Pinged.Load(); pinged != 0 {
		waited := s.Hub.Clock.Tick() - max(s.WaitsFrom, wheel.Tick(pinged))
		s.Conn.Pinged.CompareAndSwap(pinged, pinged+uint32(waited))
	}
}

// goOn deals with what came while the session waited, and reads on, unless it waits again. Called on the poller.
func (s *Session) goOn() {
	now := s.Hub.Clock.Now()
	if !s.Conn.Is(fanout.Held) {
		commands := s.Unfinished
		s.Unfinished = nil
		s.onCommands(commands, now)
	}
	if !s.Conn.Is(fanout.Held) {
		s.Conn.Take(s.takeUnread(), now)
	}
	if !s.Conn.Is(fanout.Held) {
		s.Hub.Loop.Read(s.Conn)
	}
}

// begin deals with what came ahead of the answer to the handshake. Called on the poller.
func (s *Session) begin() {
	early := s.unread
	s.unread = nil
	s.Conn.Hold(false)
	if !s.Conn.Closing() {
		s.Conn.OnData(early, s.Hub.Clock.Now())
	}
	s.goOn()
}

// expel ends the connection, and takes it out of its rooms at once, not when its client has answered. Called on the poller.
func (s *Session) expel(d disconnect) {
	s.Disconnect(d)
	s.leaveAll()
}

func (s *Session) leaveAll() {
	for len(s.Subs) > 0 {
		s.Leave(s.Subs[len(s.Subs)-1])
	}
}

// End takes the session out of everything it is in. Called on the poller, once, when the socket is closed.
func (s *Session) End() {
	s.endAsking()
	s.leaveAll()
	s.TellDisconnect()
	if s.User != nil {
		s.Hub.RemoveUser(s.User, s)
		s.User = nil
	}
}
