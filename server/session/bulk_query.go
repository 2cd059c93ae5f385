package session

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/centrifugal/protocol"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/httpstream"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/timeline"
	"github.com/throng-chat/throng/server/ws"
)

// Queries with bulk replies. Clients that send the same query at the same time share one reply.

type queryKind uint8

const (
	presenceQuery queryKind = iota
	HistoryQuery
	timelineQuery
	rpcQuery
)

// BulkQuery is a query with a bulk reply. Equal queries have the same reply, except for the ID of the command.
type BulkQuery struct {
	Kind queryKind
	Room string
	JSON bool

	Stream  bool // the reply is a chunk of an HTTP stream
	Framing httpstream.Framing

	// For HistoryQuery.
	Limit   int
	reverse bool
	HasFrom bool
	From    chat.StreamPosition

	Page timeline.Query // for timelineQuery
	RPC  *longRPC       // for rpcQuery: no other query is equal
}

// longRPC is a long reply for one session.
type longRPC struct {
	size   int // about, in bytes
	encode func() []byte
}

// rpcBody returns the part of a reply to an rpc after its ID. Called on a worker.
func (query *BulkQuery) rpcBody(data []byte) []byte {
	if query.JSON {
		return slices.Concat([]byte(`{"data":`), data, []byte("}}"))
	}
	return appendProtobuf(nil, &protocol.RPCResult{Data: data})
}

// Since returns the start of the page of history; nil for the end of the history.
func (query *BulkQuery) Since() *chat.StreamPosition {
	if !query.HasFrom {
		return nil
	}
	return &query.From
}

// SharedReply is the reply to a query: an error, or the bytes of the reply after its ID. It is immutable.
type SharedReply struct {
	Body        []byte
	err         *protocol.Error
	Outstanding *limiter.Budget
	Readers     atomic.Int32 // that have not received all of it
}

// sent notes that one reader has received the reply or is gone. The last one releases its bytes. Any goroutine may call it.
func (r *SharedReply) sent() {
	if r.Readers.Add(-1) == 0 {
		r.Outstanding.Release(cap(r.Body))
	}
}

// Head returns the bytes before the body in the frame for one reader.
func (r *SharedReply) Head(q BulkQuery, id uint32) []byte {
	name, field := "presence", presenceField
	switch q.Kind {
	case HistoryQuery:
		name, field = "history", historyField
	case timelineQuery, rpcQuery:
		name, field = "rpc", rpcField
	}
	if q.JSON {
		text := fmt.Appendf(nil, `{"id":%d,"%s":`, id, name)
		if q.Stream {
			return streamBulkHead(q.Framing, text, len(r.Body))
		}
		return append(ws.AppendHead(nil, ws.OpText, len(text)+len(r.Body)), text...)
	}
	// A concatenation of encoded parts is a valid Protobuf message.
	reply := appendProtobuf(nil, &protocol.Reply{Id: id})
	reply = protowire.AppendTag(reply, field, protowire.BytesType)
	size := len(r.Body)
	if q.Stream {
		size -= len(streamBulkEnd(q.Framing))
	}
	reply = protowire.AppendVarint(reply, uint64(size))
	payload := append(protowire.AppendVarint(nil, uint64(len(reply)+size)), reply...)
	if q.Stream {
		return streamBulkHead(q.Framing, payload, len(r.Body))
	}
	return append(ws.AppendHead(nil, ws.OpBinary, len(payload)+len(r.Body)), payload...)
}

// The numbers of the fields in client.proto.
const (
	presenceField protowire.Number = 9
	historyField  protowire.Number = 11
	rpcField      protowire.Number = 13
)

// bulkQueries has the queries that no worker has begun. Any goroutine may use it.
type bulkQueries struct {
	Workers     *workers
	outstanding *limiter.Budget // of the bodies of all replies

	Mu      sync.Mutex // a leaf, not held over any work
	Waiting map[BulkQuery][]func(*SharedReply)
}

func newBulkQueries(w *workers, outstanding *limiter.Budget) *bulkQueries {
	return &bulkQueries{Workers: w, outstanding: outstanding, Waiting: map[BulkQuery][]func(*SharedReply){}}
}

// start queues a query. It calls deliver once, on another goroutine. Queries that are equal, and start before a worker begins the reply, share
// it. start returns false without a call of deliver if the queue of the workers is full. It does not block.
func (q *bulkQueries) start(query BulkQuery, encode func(BulkQuery) ([]byte, *protocol.Error), deliver func(*SharedReply)) bool {
	q.Mu.Lock()
	waiting, queued := q.Waiting[query]
	q.Waiting[query] = append(waiting, deliver)
	q.Mu.Unlock()
	if queued {
		return true
	}
	if q.Workers.Do(netip.Addr{}, func() { q.run(query, encode) }, func() { q.deliver(q.take(query), &SharedReply{err: ErrTooManyRequests}) }) {
		return true
	}
	// Equal queries may have started in between.
	q.deliver(q.take(query)[1:], &SharedReply{err: ErrTooManyRequests})
	return false
}

// run makes a reply. It takes the waiting clients first, so that the reply is newer than each of their queries.
func (q *bulkQueries) run(query BulkQuery, encode func(BulkQuery) ([]byte, *protocol.Error)) {
	waiting := q.take(query)
	r := &SharedReply{Outstanding: q.outstanding, err: errInternal}
	defer func() { q.deliver(waiting, r) }() // also after a panic
	r.Body, r.err = encode(query)
}

func (q *bulkQueries) deliver(waiting []func(*SharedReply), r *SharedReply) {
	r.Readers.Store(int32(len(waiting)))
	for _, deliver := range waiting {
		deliver(r)
	}
}

// take removes and returns the clients that wait for a query.
func (q *bulkQueries) take(query BulkQuery) []func(*SharedReply) {
	q.Mu.Lock()
	defer q.Mu.Unlock()
	waiting := q.Waiting[query]
	delete(q.Waiting, query)
	return waiting
}
