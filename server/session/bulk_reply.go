package session

import (
	"runtime"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/httpstream"
	"github.com/throng-chat/throng/server/limiter"
)

// Bulk replies: those whose size the command does not limit (presence, history, timeline, rpc). The poller makes a short one, like all other replies. A
// worker makes a long one, once for all clients that wait for it. Its bytes are outstanding until the last client has received it. A client
// receives bulk replies at a limited rate, and no second long reply before it has read the first.

// maxInline is the number of bytes of bulk replies that the poller makes for one connection at a time. A worker makes longer ones.
const maxInline = 16 << 10

// overBulkRate reports whether the session has exceeded its rate of bulk replies.
func (s *Session) overBulkRate() bool {
	return s.Sessions.BulkRate.Load().Overdrawn(s.bulkMeter(), s.Sessions.Clock.Now())
}

// bulkMeter returns the meter of bulk replies.
func (s *Session) bulkMeter() limiter.Meter {
	if s.usage == nil {
		return 0
	}
	return s.usage.bulk
}

// chargeBulk counts bytes of bulk replies; a negative number corrects an estimate.
func (s *Session) chargeBulk(n int) {
	s.Sessions.BulkRate.Load().Charge(&s.Usage().bulk, s.Sessions.Clock.Now(), n)
}

// inlineBytes returns the size of a bulk reply in bytes that the poller may make now.
func (s *Session) inlineBytes() int {
	return max(maxInline-s.Sessions.BulkRate.Load().AboveAverage(s.bulkMeter(), s.Sessions.Clock.Now()), 0)
}

// queryBulk makes a worker send the reply to a query. estimate is about the size of the reply in bytes. The next command of the client waits until
// the reply is in the socket or in the outbox. If the unread bulk replies and this one would exceed max-unsent, the query waits until the
// client has read. If the unread ones alone exceed it, the query is rejected. Called on the poller.
func (s *Session) queryBulk(id uint32, q BulkQuery, estimate int) {
	use := s.Usage()
	if s.overBulkRate() || use.UnreadBulk.Load() > int64(s.Sessions.Limits().MaxUnsent) || !s.Pause() {
		s.reject(id, ErrTooManyRequests)
		return
	}
	use.Blocked.Store(true)
	if unread := int(use.UnreadBulk.Load()); unread > 0 && unread+estimate > s.Sessions.Limits().MaxUnsent || !use.Blocked.Swap(false) {
		s.wait.nextBulk = func() { s.queryBulk(id, q, estimate) }
		return // unblock continues
	}
	h := s.Sessions
	if !h.BulkQueries.start(q, h.EncodeBulk, func(r *SharedReply) {
		if r.err != nil {
			s.Conn.Poller().Post(func() {
				s.chargeBulk(-estimate)
				s.Resume(func() { s.reject(id, r.err) })
			})
			return
		}
		b := &BulkDelivery{Session: s, Reply: r, head: r.Head(q, id), estimate: estimate, Usage: use}
		use.UnreadBulk.Add(int64(b.Size()))
		s.Conn.Shard.Post(fanout.Job{Do: fanout.SendBulk, Conn: s.Conn, Bulk: b})
	}) {
		s.unpause()
		s.reject(id, ErrTooManyRequests)
		return
	}
	s.chargeBulk(estimate)
}

// EncodeBulk makes the body of a long reply. Its bytes are outstanding from then on. Called on a worker.
func (all *Sessions) EncodeBulk(q BulkQuery) (body []byte, e *protocol.Error) {
	runtime.Gosched() // a worker makes one reply after another; let other goroutines run
	estimate := all.estimate(q)
	if !all.Outstanding.Reserve(estimate) {
		return nil, ErrTooManyRequests
	}
	made := 0
	defer func() { all.Outstanding.Release(estimate - made) }()
	switch q.Kind {
	case presenceQuery:
		body = encodePresence(make([]byte, 0, estimate), q.JSON, all.Presence(q.Room))
	case HistoryQuery:
		if body, e = all.encodeHistory(q); e != nil {
			return nil, e
		}
	case timelineQuery:
		body = all.encodeTimeline(q)
	case rpcQuery:
		body = q.rpcBody(q.RPC.encode())
	}
	if q.Stream {
		if q.JSON {
			httpstream.OneLine(body, 0)
		}
		body = append(body, streamBulkEnd(q.Framing)...)
	}
	made = cap(body)
	all.Metrics.LongReplies.Inc()
	all.Metrics.LongReplyBytes.Add(float64(len(body)))
	return body, nil
}

// estimate returns about the size of a reply in bytes.
func (all *Sessions) estimate(q BulkQuery) int {
	switch q.Kind {
	case rpcQuery:
		return q.RPC.size
	case HistoryQuery, timelineQuery:
		return all.Limits().MaxUnsent / 2
	}
	r, unlock := all.Rooms.Find(q.Room)
	defer unlock()
	if r != nil {
		return r.Presence.Bytes
	}
	return 0
}

// BulkDelivery is a long reply for one session. It is a fanout.BulkReply.
type BulkDelivery struct {
	Session  *Session
	Usage    *Usage // of the session
	Reply    *SharedReply
	head     []byte
	estimate int // bytes that the session was charged before the reply was made
}

// Parts returns the head and the shared body of the frame.
func (b *BulkDelivery) Parts() (head, body []byte) { return b.head, b.Reply.Body }

// Size returns the size of the frame in bytes.
func (b *BulkDelivery) Size() int { return len(b.head) + len(b.Reply.Body) }

// OnQueued continues the session: the frame is in the socket or in the outbox. Called on the shard.
func (b *BulkDelivery) OnQueued() {
	s := b.Session
	s.Conn.Poller().Post(func() {
		s.chargeBulk(len(b.Reply.Body) - b.estimate)
		s.Resume(func() {})
	})
}

// OnSent notes that the frame was sent completely, or will never be. Called on the shard.
func (b *BulkDelivery) OnSent() {
	s := b.Session
	b.Usage.UnreadBulk.Add(int64(-b.Size()))
	if b.Usage.Blocked.Swap(false) {
		s.Conn.Poller().Post(s.unblock)
	}
	b.Reply.sent()
}

// unblock starts the query that waited for the client to read. Called on the poller.
func (s *Session) unblock() {
	next := s.wait.nextBulk
	s.wait.nextBulk = nil
	s.Resume(next)
}
