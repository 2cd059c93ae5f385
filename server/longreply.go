package server

import (
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/centrifugal/protocol"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/wheel"
	"github.com/throng-chat/throng/server/ws"
)

// Replies whose size the command does not bound. A short one is made by the poller, as all other replies. A long one is made by a
// worker, once for all clients that wait for the same one; it counts as owed until the last of them has been sent it. A client is
// not given more bytes of such replies in a second than its rate, nor a second long reply while it has not read the first.

const (
	maxAnswers     = 4096            // long answers that wait to be made
	answerPatience = 5 * time.Second // of a long answer, for its worker
	maxOwed        = 32 << 20        // bytes of long replies, of all connections together
	lightReply     = 16 << 10        // bytes of such replies that a poller makes for one connection at a time; more is work for a worker
	owedGrace      = 2 * time.Second // that a reader of a long reply has, before it has to make room for others
	repliesFactor  = 4               // times max-unsent: bytes of such replies for one connection a second
)

type subject uint8

const (
	presenceOf subject = iota
	historyOf
)

// longQuestion is what a long reply answers. Equal questions have the same answer, but for the id of the command.
type longQuestion struct {
	about subject
	room  string
	json  bool

	// Of historyOf.
	limit   int
	reverse bool
	hasFrom bool
	from    chat.Position
}

// since is where a page of history begins, nil for its end.
func (q *longQuestion) since() *chat.Position {
	if !q.hasFrom {
		return nil
	}
	return &q.from
}

// longReply is the answer to a question: either an error, or all bytes of the reply behind its id. It is not changed once it is made.
type longReply struct {
	body    []byte
	err     *protocol.Error
	owed    *limiter.Budget
	readers atomic.Int32 // who have not been sent all of it
}

// sent counts out one of the readers. Any goroutine may call it.
func (r *longReply) sent() {
	if r.readers.Add(-1) == 0 {
		r.owed.Release(cap(r.body))
	}
}

// head is what precedes the body in the frame for one reader.
func (r *longReply) head(q longQuestion, id uint32) []byte {
	name, field := "presence", presenceOfReply
	if q.about == historyOf {
		name, field = "history", historyOfReply
	}
	if q.json {
		text := fmt.Appendf(nil, `{"id":%d,"%s":`, id, name)
		return append(ws.AppendHead(nil, ws.OpText, len(text)+len(r.body)), text...)
	}
	// A message of Protobuf may be made of parts that stand behind each other.
	reply := appendProtobuf(nil, &protocol.Reply{Id: id})
	reply = protowire.AppendTag(reply, field, protowire.BytesType)
	reply = protowire.AppendVarint(reply, uint64(len(r.body)))
	payload := append(protowire.AppendVarint(nil, uint64(len(reply)+len(r.body))), reply...)
	return append(ws.AppendHead(nil, ws.OpBinary, len(payload)+len(r.body)), payload...)
}

// The fields' numbers in client.proto.
const (
	presenceOfReply protowire.Number = 9
	historyOfReply  protowire.Number = 11
)

// questions are those whose answers are not being made yet. Any goroutine may use it.
type questions struct {
	workers *workers
	owed    *limiter.Budget // what the bodies of answers count against

	mu      sync.Mutex // a leaf, not held over any work
	waiting map[longQuestion][]func(*longReply)
}

func newQuestions(w *workers, owed *limiter.Budget) *questions {
	return &questions{workers: w, owed: owed, waiting: map[longQuestion][]func(*longReply){}}
}

// ask has a question answered: tell is called once, on another goroutine. Whoever asks the same before the answer is begun gets the
// same answer. It is false, and tell is not called, where too many other questions wait. It does not block.
func (q *questions) ask(what longQuestion, make func(longQuestion) ([]byte, *protocol.Error), tell func(*longReply)) bool {
	q.mu.Lock()
	waiting, asked := q.waiting[what]
	q.waiting[what] = append(waiting, tell)
	q.mu.Unlock()
	if asked {
		return true
	}
	if q.workers.do(netip.Addr{}, func() { q.answer(what, make) }, func() { q.tell(q.take(what), &longReply{err: errTooManyRequests}) }) {
		return true
	}
	// Others may have asked the same meanwhile, behind us.
	q.tell(q.take(what)[1:], &longReply{err: errTooManyRequests})
	return false
}

// answer takes all who have asked, and then makes the answer: it says what was so after each of them asked.
func (q *questions) answer(what longQuestion, make func(longQuestion) ([]byte, *protocol.Error)) {
	tells := q.take(what)
	r := &longReply{owed: q.owed, err: errInternal}
	defer func() { q.tell(tells, r) }() // also where our own code fails
	r.body, r.err = make(what)
}

func (q *questions) tell(tells []func(*longReply), r *longReply) {
	r.readers.Store(int32(len(tells)))
	for _, tell := range tells {
		tell(r)
	}
}

// take are all who wait for the answer to a question.
func (q *questions) take(what longQuestion) []func(*longReply) {
	q.mu.Lock()
	defer q.mu.Unlock()
	waiting := q.waiting[what]
	delete(q.waiting, what)
	return waiting
}

// overdrawn says whether the session has to wait before it is given more replies of unbounded size.
func (s *session) overdrawn() bool { return s.hub.replyRate.Overdrawn(s.drawn, s.hub.Clock.Now()) }

// draw counts bytes of replies of unbounded size; fewer than 0 give back what was estimated too high.
func (s *session) draw(n int) { s.hub.replyRate.Charge(&s.drawn, s.hub.Clock.Now(), n) }

// light is how many bytes of replies of unbounded size the poller may make for the session now.
func (s *session) light() int {
	return max(lightReply-s.hub.replyRate.Lately(s.drawn, s.hub.Clock.Now()), 0)
}

// askLong has a question answered by a worker. estimate is about how many bytes the answer will have. The session waits until the
// answer has been written, or queued for a client that is slow to read. Before it asks it waits for a client that has not read so much
// that the answer would exceed what may wait for a slow reader; a client that has not read a reply longer than that is refused.
func (s *session) askLong(id uint32, q longQuestion, estimate int) {
	if s.overdrawn() || s.unreadReplies.Load() > int64(s.hub.MaxUnsent) || !s.pause() {
		s.refuse(id, errTooManyRequests)
		return
	}
	s.blocked.Store(true)
	if unread := int(s.unreadReplies.Load()); unread > 0 && unread+estimate > s.hub.MaxUnsent || !s.blocked.Swap(false) {
		s.asksNext = func() { s.askLong(id, q, estimate) }
		return // unblock goes on
	}
	h := s.hub
	if !h.questions.ask(q, h.answer, func(r *longReply) {
		if r.err != nil {
			s.poller.Post(func() {
				s.draw(-estimate)
				s.resume(func() { s.refuse(id, r.err) })
			})
			return
		}
		b := &longBulk{session: s, reply: r, head: r.head(q, id), estimate: estimate}
		s.unreadReplies.Add(int64(b.Size()))
		s.conn.Shard.Post(fanout.Job{Do: fanout.SendBulk, Conn: s.conn, Bulk: b})
	}) {
		s.unpause()
		s.refuse(id, errTooManyRequests)
		return
	}
	s.draw(estimate)
}

// answer makes the body of a long reply. Its bytes count as owed from here on. Called on a worker.
func (h *sessions) answer(q longQuestion) (body []byte, e *protocol.Error) {
	runtime.Gosched() // a worker goes from one answer to the next: others may wait for the core
	estimate := h.estimate(q)
	if !h.owed.Reserve(estimate) {
		return nil, errTooManyRequests
	}
	made := 0
	defer func() { h.owed.Release(estimate - made) }()
	switch q.about {
	case presenceOf:
		body = encodePresence(make([]byte, 0, estimate), q.json, h.Present(q.room))
	case historyOf:
		if body, e = h.encodeHistory(q); e != nil {
			return nil, e
		}
	}
	made = cap(body)
	h.Metrics.LongReplies.Inc()
	h.Metrics.LongReplyBytes.Add(float64(len(body)))
	return body, nil
}

// estimate is about how many bytes the answer to a question will have.
func (h *sessions) estimate(q longQuestion) int {
	if q.about == historyOf {
		return h.MaxUnsent / 2
	}
	r, unlock := h.Rooms.Find(q.room)
	defer unlock()
	if r != nil {
		return r.Present.Bytes
	}
	return 0
}

// relieveOwed makes room where long replies take more than half of what they may: the readers that are furthest behind are closed, on
// each shard. All have had owedGrace. Called on the heartbeat.
func (h *sessions) relieveOwed(now wheel.Tick) {
	tooMuch := func() bool { return h.owed.Used.Load() > h.owed.Most/2 }
	if !tooMuch() {
		return
	}
	h.RelieveBulk(now-fanout.InTicks(owedGrace), tooMuch)
}

// longBulk is a long reply for one session.
type longBulk struct {
	session  *session
	reply    *longReply
	head     []byte
	estimate int // bytes that the session was charged for the reply before it was made
}

func (b *longBulk) Parts() (head, body []byte) { return b.head, b.reply.body }

func (b *longBulk) Size() int { return len(b.head) + len(b.reply.body) }

func (b *longBulk) OnQueued() {
	s := b.session
	s.conn.Poller().Post(func() {
		s.draw(len(b.reply.body) - b.estimate)
		s.resume(func() {})
	})
}

func (b *longBulk) OnRead() {
	s := b.session
	s.unreadReplies.Add(int64(-b.Size()))
	if s.blocked.Swap(false) {
		s.conn.Poller().Post(s.unblock)
	}
	b.reply.sent()
}

// unblock asks what the session waited to ask. Called on the poller.
func (s *session) unblock() {
	ask := s.asksNext
	s.asksNext = nil
	s.resume(ask)
}
