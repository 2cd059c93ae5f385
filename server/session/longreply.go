package session

import (
	"runtime"
	"time"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/fanout"
)

// Bulk replies: those whose size the command does not limit (presence, history, rpc). The poller makes a short one, like all other replies. A
// worker makes a long one, once for all clients that wait for it. Its bytes are outstanding until the last client has received it. A client
// receives bulk replies at a limited rate, and no second long reply before it has read the first.

const (
	maxAnswers       = 4096            // long replies in the queue of the workers
	bulkQueueTimeout = 5 * time.Second // to wait for a worker
	MaxOwed          = 32 << 20        // bytes of long replies, all connections together
	lightReply       = 16 << 10        // bytes of bulk replies that the poller makes for one connection at a time; a worker makes longer ones
	repliesFactor    = 4               // times max-unsent: bytes of bulk replies for one connection per second
)

// overBulkRate reports whether the session has exceeded its rate of bulk replies.
func (s *Session) overdrawn() bool { return s.Hub.ReplyRate.Overdrawn(s.drawn, s.Hub.Clock.Now()) }

// chargeBulk counts bytes of bulk replies; a negative number corrects an estimate.
func (s *Session) draw(n int) { s.Hub.ReplyRate.Charge(&s.drawn, s.Hub.Clock.Now(), n) }

// inlineBytes returns the size of a bulk reply in bytes that the poller may make now.
func (s *Session) light() int {
	return max(lightReply-s.Hub.ReplyRate.AboveAverage(s.drawn, s.Hub.Clock.Now()), 0)
}

// queryBulk makes a worker send the reply to a query. estimate is about the size of the reply in bytes. The next command of the client waits until
// the reply is in the socket or in the outbox. If the unread bulk replies and this one would exceed max-unsent, the query waits until the
// client has read. If the unread ones alone exceed it, the query is rejected. Called on the poller.
func (s *Session) askLong(id uint32, q LongQuestion, estimate int) {
	if s.overdrawn() || s.UnreadReplies.Load() > int64(s.Hub.MaxUnsent) || !s.Pause() {
		s.reject(id, ErrTooManyRequests)
		return
	}
	s.Blocked.Store(true)
	if unread := int(s.UnreadReplies.Load()); unread > 0 && unread+estimate > s.Hub.MaxUnsent || !s.Blocked.Swap(false) {
		s.asksNext = func() { s.askLong(id, q, estimate) }
		return // unblock continues
	}
	h := s.Hub
	if !h.Questions.ask(q, h.Answer, func(r *LongReply) {
		if r.err != nil {
			s.Poller.Post(func() {
				s.draw(-estimate)
				s.Resume(func() { s.reject(id, r.err) })
			})
			return
		}
		b := &LongBulk{Session: s, Reply: r, head: r.Head(q, id), estimate: estimate}
		s.UnreadReplies.Add(int64(b.Size()))
		s.Conn.Shard.Post(fanout.Job{Do: fanout.SendBulk, Conn: s.Conn, Bulk: b})
	}) {
		s.unpause()
		s.reject(id, ErrTooManyRequests)
		return
	}
	s.draw(estimate)
}

// EncodeBulk makes the body of a long reply. Its bytes are outstanding from then on. Called on a worker.
func (all *Sessions) Answer(q LongQuestion) (body []byte, e *protocol.Error) {
	runtime.Gosched() // a worker makes one reply after another; let other goroutines run
	estimate := all.estimate(q)
	if !all.Owed.Reserve(estimate) {
		return nil, ErrTooManyRequests
	}
	made := 0
	defer func() { all.Owed.Release(estimate - made) }()
	switch q.About {
	case PresenceOf:
		body = EncodePresence(make([]byte, 0, estimate), q.JSON, all.Presence(q.Room))
	case HistoryOf:
		if body, e = all.encodeHistory(q); e != nil {
			return nil, e
		}
	}
	made = cap(body)
	all.Metrics.LongReplies.Inc()
	all.Metrics.LongReplyBytes.Add(float64(len(body)))
	return body, nil
}

// estimate returns about the size of a reply in bytes.
func (all *Sessions) estimate(q LongQuestion) int {
	if q.About == HistoryOf {
		return all.MaxUnsent / 2
	}
	r, unlock := all.Rooms.Find(q.Room)
	defer unlock()
	if r != nil {
		return r.Presence.Bytes
	}
	return 0
}

// BulkDelivery is a long reply for one session. It is a fanout.Bulk.
type LongBulk struct {
	Session  *Session
	Reply    *LongReply
	head     []byte
	estimate int // bytes that the session was charged before the reply was made
}

func (b *LongBulk) Parts() (head, body []byte) { return b.head, b.Reply.Body }

func (b *LongBulk) Size() int { return len(b.head) + len(b.Reply.Body) }

func (b *LongBulk) OnQueued() {
	s := b.Session
	s.Conn.Poller().Post(func() {
		s.draw(len(b.Reply.Body) - b.estimate)
		s.Resume(func() {})
	})
}

func (b *LongBulk) OnSent() {
	s := b.Session
	s.UnreadReplies.Add(int64(-b.Size()))
	if s.Blocked.Swap(false) {
		s.Conn.Poller().Post(s.unblock)
	}
	b.Reply.Sent()
}

// unblock starts the query that waited for the client to read. Called on the poller.
func (s *Session) unblock() {
	ask := s.asksNext
	s.asksNext = nil
	s.Resume(ask)
}
