package session

import (
	"sync/atomic"

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
