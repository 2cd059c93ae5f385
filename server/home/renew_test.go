package home

import (
	"sync/atomic"
	"testing"

	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/record"
	"github.com/throng-chat/throng/server/testkit"
)

// reaching is rooms that note how far they have applied the log: an entry of a record is applied before the record is.
type reaching struct {
	counted
	applied atomic.Uint64
}

func (re *reaching) Commit(in *Record, _ []Proposal) { re.applied.Store(in.Seq) }
func (re *reaching) Replay(in *Record, e *record.Entry) {
	re.counted.Replay(in, e)
	re.applied.Store(in.Seq - 1)
}
func (re *reaching) Applied(seq uint64) { re.applied.Store(seq) }

// A record of the home itself is applied as a whole, like one with proposals: calls from other nodes wait for it.
func TestARenewedTermIsApplied(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Auto: true})
	t.Cleanup(fake.End)
	rooms := &reaching{}
	h := follower(t, fake, "a", rooms)
	if err := h.Lead(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, before, _ := h.Position()
	h.Renew()
	testkit.Eventually(t, "the next fence", func() bool {
		_, last, _ := h.Position()
		return last == before+1 && rooms.applied.Load() >= before
	})
	testkit.Eventually(t, "the record of the fence to be applied", func() bool { return rooms.applied.Load() == before+1 })
}
