package session

import (
	"sync/atomic"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/deflate"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/ws"
)

// Session is the state of one client of the SDK protocol. Its poller owns it, and handles its commands one after another. Other goroutines post
// functions to the poller.
type Session struct {
	// Constant after the start.
	Conn     *fanout.Conn
	Sessions *Sessions
	source   *chat.Address // nil without limits by address
	Encoding Encoding
	window   deflate.Window // 0 without permessage-deflate
	early    bool           // bytes arrived before the 101 response

	// Owned by the poller.
	State        sessionState
	overByteRate bool             // over its rate of bytes for too long: its publications are rejected
	rejections   uint8            // commands over a limit, since the last one that was not; MaxRejections at most
	frameLeft    int32            // bytes of the current command and the rest of its frame
	expires      expiry           // of its token
	User         *chat.User       // nil before connect, and for an anonymous client without a rate of its own
	token        *connectionToken // nil for none
	wait         *Wait            // while its commands wait; nil otherwise
	Subs         []*Subscription
	replies      *ReplyFrame   // of the current frame, not posted yet; nil for none
	publishRoom  *chat.Room    // the last room with an event of it (publication, redaction, join, leave): while its backlog is over the limit, the client is not read from
	messages     limiter.Meter // commands
	usage        *Usage        // nil before it is needed
	pendingJoin  *JoinAttempt  // the join that waits for the application or a worker; nil for none

	// Owned by the shard.
	joined []*fanout.Member

	// Written by the poller.
	Identity atomic.Pointer[chat.ClientInfo] // for other clients; nil until it is needed (Session.Info). Immutable, replaced as a whole

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
