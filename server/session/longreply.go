package session

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
	MaxOwed        = 32 << 20        // bytes of long replies, of all connections together
	lightReply     = 16 << 10        // bytes of such replies that a poller makes for one connection at a time; more is work for a worker
	OwedGrace      = 2 * time.Second // that a reader of a long reply has, before it has to make room for others
	repliesFactor  = 4               // times max-unsent: bytes of such replies for one connection a second
)

type subject uint8

const (
	PresenceOf subject = iota
	HistoryOf
)

// LongQuestion is what a long reply answers. Equal questions have the same answer, but for the id of the command.
type LongQuestion struct {
	About subject
	Room  string
	Json  bool

	// Of historyOf.
	Limit   int
	reverse bool
	HasFrom bool
	From    chat.Position
}

// Since is where a page of history begins, nil for its end.
func (lq *LongQuestion) Since() *chat.Position {
	if !lq.HasFrom {
		return nil
	}
	return &lq.From
}

// LongReply is the answer to a question: either an error, or all bytes of the reply behind its id. It is not changed once it is made.
type LongReply struct {
	Body    []byte
	err     *protocol.Error
	Owed    *limiter.Budget
	Readers atomic.Int32 // who have not been sent all of it
}

// Sent counts out one of the readers. Any goroutine may call it.
func (r *LongReply) Sent() {
	if r.Readers.Add(-1) == 0 {
		r.Owed.Release(cap(r.Body))
	}
}

// Head is what precedes the body in the frame for one reader.
func (r *LongReply) Head(q LongQuestion, id uint32) []byte {
	name, field := "presence", presenceOfReply
	if q.About == HistoryOf {
		name, field = "history", historyOfReply
	}
	if q.Json {
		text := fmt.Appendf(nil, `{"id":%d,"%s":`, id, name)
		return append(ws.AppendHead(nil, ws.OpText, len(text)+len(r.Body)), text...)
	}
	// A message of Protobuf may be made of parts that stand behind each other.
	reply := appendProtobuf(nil, &protocol.Reply{Id: id})
	reply = protowire.AppendTag(reply, field, protowire.BytesType)
	reply = protowire.AppendVarint(reply, uint64(len(r.Body)))
	payload := append(protowire.AppendVarint(nil, uint64(len(reply)+len(r.Body))), reply...)
	return append(ws.AppendHead(nil, ws.OpBinary, len(payload)+len(r.Body)), payload...)
}

// The fields' numbers in client.proto.
const (
	presenceOfReply protowire.Number = 9
	historyOfReply  protowire.Number = 11
)

// questions are those whose answers are not being made yet. Any goroutine may use it.
type questions struct {
	Workers *workers
	owed    *limiter.Budget // what the bodies of answers count against

	Mu      sync.Mutex // a leaf, not held over any work
	Waiting map[LongQuestion][]func(*LongReply)
}

func newQuestions(w *workers, owed *limiter.Budget) *questions {
	return &questions{Workers: w, owed: owed, Waiting: map[LongQuestion][]func(*LongReply){}}
}

// ask has a question answered: tell is called once, on another goroutine. Whoever asks the same before the answer is begun gets the
// same answer. It is false, and tell is not called, where too many other questions wait. It does not block.
func (q *questions) ask(what LongQuestion, make func(LongQuestion) ([]byte, *protocol.Error), tell func(*LongReply)) bool {
	q.Mu.Lock()
	waiting, asked := q.Waiting[what]
	q.Waiting[what] = append(waiting, tell)
	q.Mu.Unlock()
	if asked {
		return true
	}
	if q.Workers.Do(netip.Addr{}, func() { q.answer(what, make) }, func() { q.tell(q.take(what), &LongReply{err: ErrTooManyRequests}) }) {
		return true
	}
	// Others may have asked the same meanwhile, behind us.
	q.tell(q.take(what)[1:], &LongReply{err: ErrTooManyRequests})
	return false
}

// answer takes all who have asked, and then makes the answer: it says what was so after each of them asked.
func (q *questions) answer(what LongQuestion, make func(LongQuestion) ([]byte, *protocol.Error)) {
	tells := q.take(what)
	r := &LongReply{Owed: q.owed, err: errInternal}
	defer func() { q.tell(tells, r) }() // also where our own code fails
	r.Body, r.err = make(what)
}

func (q *questions) tell(tells []func(*LongReply), r *LongReply) {
	r.Readers.Store(int32(len(tells)))
	for _, tell := range tells {
		tell(r)
	}
}

// take are all who wait for the answer to a question.
func (q *questions) take(what LongQuestion) []func(*LongReply) {
	q.Mu.Lock()
	defer q.Mu.Unlock()
	waiting := q.Waiting[what]
	delete(q.Waiting, what)
	return waiting
}

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

// RelieveOwed makes room where long replies take more than half of what they may: the readers that are furthest behind are closed, on
// each shard. All have had owedGrace. Called on the heartbeat.
func (all *Sessions) RelieveOwed(now wheel.Tick) {
	tooMuch := func() bool { return all.Owed.Used.Load() > all.Owed.Most/2 }
	if !tooMuch() {
		return
	}
	all.RelieveBulk(now-fanout.InTicks(OwedGrace), tooMuch)
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

func (b *LongBulk) OnRead() {
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
