package fanout

import "github.com/throng-chat/throng/server/wheel"

// bulk is a long reply to one client. Its methods are called on the shard.
type bulk interface {
	// Parts are the bytes of its one frame, in order. They are shared and not changed.
	Parts() (head, body []byte)

	// OnQueued says that all of it has been written, or waits in the outbox, or that the client is gone.
	OnQueued()

	// OnRead says, once, that nothing of it waits any more: the client has been sent all of it, or is gone. It may come before onQueued.
	OnRead()
}

// Debt is a bulk reply that a client has not been sent, or not all of it. Owned by the shard.
type Debt struct {
	Reply   bulk
	Since   wheel.Tick // when it was written
	Written bool       // to the socket or the outbox, all of it
	Paid    bool
}

// pay counts the reply as sent; a second call does nothing.
func (d *Debt) pay() {
	if d.Paid || !d.Written {
		return
	}
	d.Paid = true
	d.Reply.OnRead()
}
