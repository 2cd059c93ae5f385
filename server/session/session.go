package session

import (
	"sync/atomic"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/deflate"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/wheel"
	"github.com/throng-chat/throng/server/ws"
)

// Session is the state of one client of the SDK protocol. Its poller owns it, and handles its commands one after another. Other goroutines post
// functions to the poller.
type Session struct {
	// Constant after newSession.
	Conn     *fanout.Conn
	Sessions *Sessions
	Poller   *fanout.Poller
	source   *chat.Address // nil without limits by address
	Encoding Encoding
	window   deflate.Window // 0 without permessage-deflate
	early    bool           // bytes arrived before the 101 response
	Client   string         // its public ID

	// Owned by the poller.
	State            sessionState
	User             *chat.User         // nil before connect
	Info             *chat.ClientInfo   // for other clients; immutable, replaced as a whole
	meta             []byte             // of its token, for the application only
	expires          expiry             // of its token
	tokenID          chat.TokenIdentity // of its token
	tokenUser        string             // the user that its tokens must have; differs from Info.User if the application replaced the user
	Subs             []*Subscription
	replies          *ReplyFrame              // of the current frame, not posted yet; nil for none
	publishRoom      *chat.Room               // the last room with an event of it (publication, redaction, join, leave): while its backlog is over the limit, the client is not read from
	messages         limiter.Meter            // commands
	overByteRate     bool                     // over its rate of bytes for too long: its publications are rejected
	rejections       int                      // commands over a limit, since the last one that was not
	bulkMeter        limiter.Meter            // bytes of bulk replies
	Recovered        limiter.Meter            // bytes of recovered publications
	Meters           map[string]limiter.Meter // publications by room, in rooms with a rate; nil before the first
	firstCommand     *uint64                  // during the admission: the number of the first command that may be for it (chat.Hub.BeginConnect); else nil
	pendingJoin      *JoinAttempt             // the join that waits for the application or a worker; nil for none
	WaitsFrom        wheel.Tick
	nextBulk         func() // the query to start when it is no longer blocked
	frameLeft        int    // bytes of the current command and the rest of its frame
	reservedCommands int    // bytes reserved for it while the session waits
	FrameRest        []byte // the rest of the frame, after the command that waits
	unread           []byte // bytes after that frame
	reservedUnread   int    // bytes reserved for unread

	// Owned by the shard.
	joined []*fanout.Member

	// Shared by the shard and the poller.
	UnreadBulk atomic.Int64 // bytes of the bulk replies that are not completely read

	Blocked atomic.Bool // the session waits for its client to read; the goroutine that resets it continues the session

	// Read by others.
	Identity atomic.Pointer[chat.ClientInfo] // Info, for the admin port

	CloseFrame atomic.Pointer[CloseFrame] // of the side that closed first; nil before, or without a close frame

	due fanout.Timers // of pings and of the next expiry
}

// CloseFrame is the content of a close frame.
type CloseFrame struct {
	Code ws.CloseCode
	Text string
}

type sessionState uint8

const (
	opened    sessionState = iota // before connect
	Connected                     // connect succeeded
	rejected                      // connect failed: all further commands are ignored
)

// SDKClient returns the client ID and the user of a connection; both are empty for a plain client. Any goroutine may call it.
func SDKClient(c *fanout.Conn) (client, user string) {
	s, ok := c.Handler.(*Session)
	if !ok {
		return "", ""
	}
	if info := s.Identity.Load(); info != nil {
		user = info.User
	}
	return s.Client, user
}
