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

// Queries with bulk replies. Clients that send the same query at the same time share one reply.

type subject uint8

const (
	PresenceOf subject = iota
	HistoryOf
)

// BulkQuery is a query with a bulk reply. Equal queries have the same reply, except for the ID of the command.
type LongQuestion struct {
	About subject
	Room  string
	JSON  bool

	// For HistoryQuery.
	Limit   int
	reverse bool
	HasFrom bool
	From    chat.StreamPosition
}

// Since returns the start of the page of history; nil for the end of the history.
func (lq *LongQuestion) Since() *chat.StreamPosition {
	if !lq.HasFrom {
		return nil
	}
	return &lq.From
}

// BulkReply is the reply to a query: an error, or the bytes of the reply after its ID. It is immutable.
type LongReply struct {
	Body    []byte
	err     *protocol.Error
	Owed    *limiter.Budget
	Readers atomic.Int32 // that have not received all of it
}

// Sent notes that one reader has received the reply or is gone. The last one releases its bytes. Any goroutine may call it.
func (r *LongReply) Sent() {
	if r.Readers.Add(-1) == 0 {
		r.Owed.Release(cap(r.Body))
	}
}

// Head returns the bytes before the body in the frame for one reader.
func (r *LongReply) Head(q LongQuestion, id uint32) []byte {
	name, field := "presence", presenceOfReply
	if q.About == HistoryOf {
		name, field = "history", historyOfReply
	}
	if q.JSON {
		text := fmt.Appendf(nil, `{"id":%d,"%s":`, id, name)
		return append(ws.AppendHead(nil, ws.OpText, len(text)+len(r.Body)), text...)
	}
	// A concatenation of encoded parts is a valid Protobuf message.
	reply := appendProtobuf(nil, &protocol.Reply{Id: id})
	reply = protowire.AppendTag(reply, field, protowire.BytesType)
	reply = protowire.AppendVarint(reply, uint64(len(r.Body)))
	payload := append(protowire.AppendVarint(nil, uint64(len(reply)+len(r.Body))), reply...)
	return append(ws.AppendHead(nil, ws.OpBinary, len(payload)+len(r.Body)), payload...)
}

// The numbers of the fields in client.proto.
const (
	presenceOfReply protowire.Number = 9
	historyOfReply  protowire.Number = 11
)

// bulkQueries has the queries that no worker has begun. Any goroutine may use it.
type questions struct {
	Workers *workers
	owed    *limiter.Budget // of the bodies of all replies

	Mu      sync.Mutex // a leaf, not held over any work
	Waiting map[LongQuestion][]func(*LongReply)
}

func newQuestions(w *workers, owed *limiter.Budget) *questions {
	return &questions{Workers: w, owed: owed, Waiting: map[LongQuestion][]func(*LongReply){}}
}

// start queues a query. It calls deliver once, on another goroutine. Queries that are equal, and start before a worker begins the reply, share
// it. start returns false without a call of deliver if the queue of the workers is full. It does not block.
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
	// Equal queries may have started in between.
	q.tell(q.take(what)[1:], &LongReply{err: ErrTooManyRequests})
	return false
}

// run makes a reply. It takes the waiting clients first, so that the reply is newer than each of their queries.
func (q *questions) answer(what LongQuestion, make func(LongQuestion) ([]byte, *protocol.Error)) {
	tells := q.take(what)
	r := &LongReply{Owed: q.owed, err: errInternal}
	defer func() { q.tell(tells, r) }() // also after a panic
	r.Body, r.err = make(what)
}

func (q *questions) tell(tells []func(*LongReply), r *LongReply) {
	r.Readers.Store(int32(len(tells)))
	for _, tell := range tells {
		tell(r)
	}
}

// take removes and returns the clients that wait for a query.
func (q *questions) take(what LongQuestion) []func(*LongReply) {
	q.Mu.Lock()
	defer q.Mu.Unlock()
	waiting := q.Waiting[what]
	delete(q.Waiting, what)
	return waiting
}
