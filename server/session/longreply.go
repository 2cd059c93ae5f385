package session

import (
	"runtime"
	"time"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/fanout"
)

// Replies whose size the command does not bound. A short one is made by the poller, as all other replies. A long one is made by a
// worker, once for all clients that wait for the same one; it counts as owed until the last of them has been sent it. A client is
// not given more bytes of such replies in a second than its rate, nor a second long reply while it has not read the first.

const (
	maxAnswers     = 4096            // long answers that wait to be made
	answerPatience = 5 * time.Second // of a long answer, for its worker
	MaxOwed        = 32 << 20        // bytes of long replies, of all connections together
	lightReply     = 16 << 10        // bytes of such replies that a poller makes for one connection at a time; more is work for a worker
	repliesFactor  = 4               // times max-unsent: bytes of such replies for one connection a second
)

// overdrawn says whether the session has to wait before it is given more replies of unbounded size.
func (s *Session) overdrawn() bool { return s.Hub.ReplyRate.Overdrawn(s.drawn, s.Hub.Clock.Now()) }

// draw counts bytes of replies of unbounded size; fewer than 0 give back what was estimated too high.
func (s *Session) draw(n int) { s.Hub.ReplyRate.Charge(&s.drawn, s.Hub.Clock.Now(), n) }

// light is how many bytes of replies of unbounded size the poller may make for the session now.
func (s *Session) light() int {
	return max(lightReply-s.Hub.ReplyRate.Lately(s.drawn, s.Hub.Clock.Now()), 0)
}

// askLong has a question answered by a worker. estimate is about how many bytes the answer will have. The session waits until the
// answer has been written, or queued for a client that is slow to read. Before it asks it waits for a client that has not read so much
// that the answer would exceed what may wait for a slow reader; a client that has not read a reply longer than that is refused.
func (s *Session) askLong(id uint32, q LongQuestion, estimate int) {
	if s.overdrawn() || s.UnreadReplies.Load() > int64(s.Hub.MaxUnsent) || !s.Pause() {
		s.refuse(id, ErrTooManyRequests)
		return
	}
	s.Blocked.Store(true)
	if unread := int(s.UnreadReplies.Load()); unread > 0 && unread+estimate > s.Hub.MaxUnsent || !s.Blocked.Swap(false) {
		s.asksNext = func() { s.askLong(id, q, estimate) }
		return // unblock goes on
	}
	h := s.Hub
	if !h.Questions.ask(q, h.Answer, func(r *LongReply) {
		if r.err != nil {
			s.Poller.Post(func() {
				s.draw(-estimate)
				s.Resume(func() { s.refuse(id, r.err) })
			})
			return
		}
		b := &LongBulk{Session: s, Reply: r, head: r.Head(q, id), estimate: estimate}
		s.UnreadReplies.Add(int64(b.Size()))
		s.Conn.Shard.Post(fanout.Job{Do: fanout.SendBulk, Conn: s.Conn, Bulk: b})
	}) {
		s.unpause()
		s.refuse(id, ErrTooManyRequests)
		return
	}
	s.draw(estimate)
}

// Answer makes the body of a long reply. Its bytes count as owed from here on. Called on a worker.
func (all *Sessions) Answer(q LongQuestion) (body []byte, e *protocol.Error) {
	runtime.Gosched() // a worker goes from one answer to the next: others may wait for the core
	estimate := all.estimate(q)
	if !all.Owed.Reserve(estimate) {
		return nil, ErrTooManyRequests
	}
	made := 0
	defer func() { all.Owed.Release(estimate - made) }()
	switch q.About {
	case PresenceOf:
		body = EncodePresence(make([]byte, 0, estimate), q.Json, all.Present(q.Room))
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

// estimate is about how many bytes the answer to a question will have.
func (all *Sessions) estimate(q LongQuestion) int {
	if q.About == HistoryOf {
		return all.MaxUnsent / 2
	}
	r, unlock := all.Rooms.Find(q.Room)
	defer unlock()
	if r != nil {
		return r.Present.Bytes
	}
	return 0
}

// LongBulk is a long reply for one session.
type LongBulk struct {
	Session  *Session
	Reply    *LongReply
	head     []byte
	estimate int // bytes that the session was charged for the reply before it was made
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

// unblock asks what the session waited to ask. Called on the poller.
func (s *Session) unblock() {
	ask := s.asksNext
	s.asksNext = nil
	s.Resume(ask)
}
