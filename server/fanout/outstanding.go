package fanout

import "github.com/throng-chat/throng/server/wheel"

// BulkReply is a long reply to one client. Its methods are called on the shard.
type BulkReply interface {
	// Parts returns the bytes of its one frame, in order. They are shared and not changed.
	Parts() (head, body []byte)

	// OnQueued is called once, when all of it is written or in the outbox, or when the connection has ended.
	OnQueued()

	// OnSent is called once, when all of it is sent, or when the connection has ended. It may be called before OnQueued.
	OnSent()
}

// OutstandingReply is a bulk reply of which some bytes are not sent. Owned by the shard.
type OutstandingReply struct {
	Reply   BulkReply
	Since   wheel.Tick // when it was queued
	Written bool       // all of it is written or in the outbox
	Done    bool       // OnSent was called
}

// complete calls OnSent if all of the reply was written; a second call does nothing.
func (d *OutstandingReply) complete() {
	if d.Done || !d.Written {
		return
	}
	d.Done = true
	d.Reply.OnSent()
}
