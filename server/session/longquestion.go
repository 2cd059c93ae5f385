package session

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/centrifugal/protocol"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/ws"
)

// Questions with long answers, and the answers: who asks the same at one time is answered the same bytes.

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
