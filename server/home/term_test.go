package home

import (
	"log/slog"
	"testing"

	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/record"
)

// counted are rooms that count what a log tells them.
type counted struct {
	fences, lost int
}

func (*counted) Commit(*Record, []Proposal) {}
func (*counted) Discard([]Proposal)         {}
func (c *counted) Replay(_ *Record, e *record.Entry) {
	if e.Kind == record.Fence {
		c.fences++
	}
}
func (*counted) Reset()                              {}
func (*counted) Restored()                           {}
func (*counted) Fork(bool)                           {}
func (*counted) Applied(uint64)                      {}
func (c *counted) Lost(uint64, []string)             { c.lost++ }
func (*counted) Repairs() ([]record.Entry, bool)     { return nil, false }
func (*counted) Kept() int64                         { return 0 }
func (*counted) Carry(uint64) (more bool, err error) { return false, nil }
func (*counted) Checkpoint(uint64) []record.Entry    { return nil }

// follower is a home of a node of a cluster that follows its log.
func follower(t *testing.T, fake *brokertest.Fake, name string, rooms Rooms) *Home {
	t.Helper()
	h := New(Config{
		Engine: fake.Start(name), MaxBytes: 1 << 20, Retry: 1, Metrics: &metrics.New(nil).Durable, Log: slog.New(slog.DiscardHandler),
		Node: &Node{Name: name, Publish: func(uint64, []byte) {}, Fenced: func(Owner) {}},
	}, rooms)
	if err := h.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h
}

// A node whose fences were refused applies the records of the next owner: a term that was not stored does not count.
func TestTermsThatWereNotStoredDoNotCount(t *testing.T) {
	fake := brokertest.New(brokertest.Options{Auto: true})
	t.Cleanup(fake.End)
	rooms := &counted{}
	refused, owner := follower(t, fake, "a", rooms), follower(t, fake, "b", &counted{})
	fake.Faults(brokertest.Faults{Lose: 1})
	for range 3 {
		if err := refused.Lead(t.Context()); err == nil {
			t.Fatal("a fence that was not stored has no error")
		}
		if !refused.Maintain(t.Context()) {
			t.Fatal("the log is not opened again")
		}
	}
	fake.Faults(brokertest.Faults{})
	if err := owner.Lead(t.Context()); err != nil {
		t.Fatal(err)
	}
	refused.Heard(Owner{Node: "b", Term: 1}, 1)
	for refused.Maintain(t.Context()) {
	}
	if rooms.fences != 1 || rooms.lost != 0 {
		t.Errorf("got %d fences and %d losses, want the fence of the owner and no loss", rooms.fences, rooms.lost)
	}
	if got, _, state := refused.Position(); got != (Owner{"b", 1, 1}) || state != Following {
		t.Errorf("got the owner %v in state %v, want b with term 1, which is followed", got, state)
	}
}
