package fanout

import "github.com/throng-chat/throng/server/wheel"

// How a shard writes bulk replies. One may be longer than what else may wait for a slow reader, and many clients may wait for the same
// bytes: those count where they were made, and not for each outbox.

// bulk is a long reply to one client. Its methods are called on the shard.
type bulk interface {
	// Parts are the bytes of its one frame, in order. They are shared and not changed.
	Parts() (head, body []byte)

	// OnQueued says that all of it has been written, or waits in the outbox, or that the client is gone.
	OnQueued()

	// OnRead says, once, that nothing of it waits any more: the client has been sent all of it, or is gone. It may come before onQueued.
	OnRead()
}

// BytesARound is how many bytes of bulk replies a shard writes, and one more reply, before others have their turn.
const BytesARound = 128 << 10

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

// SendBulks writes some of the bulk replies that are to be written. A thousand clients may wait for the same one: what else there is
// to write does not wait for all of them.
func (s *Shard) SendBulks() {
	n := 0
	for bytes := 0; n < len(s.bulk) && bytes < BytesARound; n++ {
		_, body := s.bulk[n].Bulk.Parts()
		bytes += len(body)
		s.contain(&s.bulk[n], s.sendBulk)
		s.bulk[n] = Job{}
	}
	if s.bulk = s.bulk[n:]; len(s.bulk) > 0 {
		s.Wake()
		return
	}
	s.bulk = nil
}

// contain does what a job asks for. A fault of our own code costs its connection.
func (s *Shard) contain(j *Job, do func(*Conn, *Job)) {
	defer func() {
		if e := recover(); e != nil {
			s.abandonAfterPanic(j.Conn, e)
		}
	}()
	do(j.Conn, j)
}

func (s *Shard) sendBulk(c *Conn, j *Job) {
	d := &Debt{Reply: j.Bulk, Since: s.Engine.Clock.Tick()}
	defer func() {
		s.replying = nil
		if d.Written = true; c.Out == nil || !c.Out.endsWith(d) {
			d.pay()
		}
		j.Bulk.OnQueued()
	}()
	if c.Finishing {
		return
	}
	s.catchUp(c)
	s.replying = d
	head, body := j.Bulk.Parts()
	for _, b := range [][]byte{head, body} {
		if !c.Finishing {
			s.write(c, b)
		}
	}
	s.yield()
}

// RelieveBulk closes the readers whose unread bulk replies of before a moment are the longest, on each shard, while it is too much.
func (e *Engine) RelieveBulk(before wheel.Tick, tooMuch func() bool) {
	for _, s := range e.Shards {
		s.Post(Job{Do: CallBack, Call: func() { s.closeSlowest(func(o *Outbox) int { return o.Unread(before) }, tooMuch) }})
	}
}
