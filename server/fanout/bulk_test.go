package fanout

import "testing"

// countedReply is a bulk reply that counts the clients that have not been sent all of it.
type countedReply struct {
	body   []byte
	unsent *int
}

func (r *countedReply) Parts() (head, body []byte) { return nil, r.body }
func (r *countedReply) OnQueued()                  {}
func (r *countedReply) OnSent()                    { *r.unsent-- }

// A flush writes only a few bulk replies, however many clients wait for them.
func TestAFlushWritesAFewLongReplies(t *testing.T) {
	shard := newTestEngine(Config{}).Shards[0]
	const clients = 10
	unsent := clients
	r := &countedReply{make([]byte, bulkBytesPerFlush/2), &unsent}
	for range clients {
		// Nothing is written: they have no transport.
		c := &Conn{Shard: shard}
		c.Set(Finishing)
		shard.handle(&Job{Do: SendBulk, Conn: c, Bulk: r})
	}
	for _, want := range []int{8, 6, 4, 2, 0} {
		shard.sendBulkReplies()
		if got := unsent; got != want {
			t.Fatalf("got %d replies left, want %d", got, want)
		}
		if len(shard.Wakeup) > 0 != (want > 0) {
			t.Fatalf("woken %v with %d left", len(shard.Wakeup) > 0, want)
		}
		if want > 0 {
			<-shard.Wakeup
		}
	}
}
