package session

import (
	"sync/atomic"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/wheel"
)

// Parts of the state of a Session that most sessions do not have: an idle client needs little memory.

// connectionToken is what a session keeps of its connection token, or of the reply of the application in its place. Owned by the poller.
type connectionToken struct {
	user     string // the user that its tokens must have; differs from that of the session if the application replaced the user
	meta     []byte // for the application only
	identity chat.TokenIdentity
}

// Wait is the state of a session that waits. Only a session that waits has one. Owned by the poller.
type Wait struct {
	Since            wheel.Tick
	reservedCommands int     // bytes reserved for the command and FrameRest
	FrameRest        []byte  // the rest of the frame, after the command that waits
	unread           []byte  // bytes after that frame
	reservedUnread   int     // bytes reserved for unread
	nextBulk         func()  // the query to start when the session is no longer blocked
	firstCommand     *uint64 // during the admission: the number of the first command that may be for it (chat.Hub.BeginConnect); else nil
}

// Usage is what a session has used of limits that most sessions never use.
type Usage struct {
	// Owned by the poller.
	bulk      limiter.Meter            // bytes of bulk replies
	Recovered limiter.Meter            // bytes of recovered publications
	Meters    map[string]limiter.Meter // publications by room, in rooms with a rate; nil before the first

	// Shared by the shard and the poller.
	UnreadBulk atomic.Int64 // bytes of the bulk replies that are not completely read
	Blocked    atomic.Bool  // the session waits for its client to read; the goroutine that resets it continues the session
}
