package server

import "github.com/throng-chat/throng/server/wheel"

// How a shard writes bulk replies. One may be longer than what else may wait for a slow reader, and many clients may wait for the same
// bytes: those count where they were made, and not for each outbox.

// bulk is a long reply to one client. Its methods are called on the shard.
type bulk interface {
	// parts are the bytes of its one frame, in order. They are shared and not changed.
	parts() (head, body []byte)

	// onQueued says that all of it has been written, or waits in the outbox, or that the client is gone.
	onQueued()

	// onRead says, once, that nothing of it waits any more: the client has been sent all of it, or is gone. It may come before onQueued.
	onRead()
}

// bytesARound is how many bytes of bulk replies a shard writes, and one more reply, before others have their turn.
const bytesARound = 128 << 10

// debt is a bulk reply that a client has not been sent, or not all of it. Owned by the shard.
type debt struct {
	reply   bulk
	since   wheel.Tick // when it was written
	written bool       // to the socket or the outbox, all of it
	paid    bool
}

// pay counts the reply as sent; a second call does nothing.
func (d *debt) pay() {
	if d.paid || !d.written {
		return
	}
	d.paid = true
	d.reply.onRead()
}

// sendBulks writes some of the bulk replies that are to be written. A thousand clients may wait for the same one: what else there is
// to write does not wait for all of them.
func (s *shard) sendBulks() {
	n := 0
	for bytes := 0; n < len(s.bulk) && bytes < bytesARound; n++ {
		_, body := s.bulk[n].bulk.parts()
		bytes += len(body)
		s.contain(&s.bulk[n], s.sendBulk)
		s.bulk[n] = job{}
	}
	if s.bulk = s.bulk[n:]; len(s.bulk) > 0 {
		s.wake()
		return
	}
	s.bulk = nil
}

// contain does what a job asks for. A fault of our own code costs its connection.
func (s *shard) contain(j *job, do func(*conn, *job)) {
	defer func() {
		if e := recover(); e != nil {
			s.abandonAfterPanic(j.conn, e)
		}
	}()
	do(j.conn, j)
}

func (s *shard) sendBulk(c *conn, j *job) {
	d := &debt{reply: j.bulk, since: s.engine.clock.tick()}
	defer func() {
		s.replying = nil
		if d.written = true; c.out == nil || !c.out.endsWith(d) {
			d.pay()
		}
		j.bulk.onQueued()
	}()
	if c.finishing {
		return
	}
	s.catchUp(c)
	s.replying = d
	head, body := j.bulk.parts()
	for _, b := range [][]byte{head, body} {
		if !c.finishing {
			s.write(c, b)
		}
	}
	s.yield()
}

// relieveBulk closes the readers whose unread bulk replies of before a moment are the longest, on each shard, while it is too much.
func (e *engine) relieveBulk(before wheel.Tick, tooMuch func() bool) {
	for _, s := range e.shards {
		s.post(job{do: callBack, call: func() { s.closeSlowest(func(o *outbox) int { return o.unread(before) }, tooMuch) }})
	}
}
