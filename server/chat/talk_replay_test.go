package chat

import (
	"testing"

	"github.com/throng-chat/throng/server/broker/brokertest"
)

// A message is deleted and evicted while its snapshot, which has its text, is on the way to the log. The append of the snapshot has an unknown
// outcome: the log that is opened again has it. The message does not come back.
func TestASnapshotOfAnEvictedMessageDoesNotBringItBack(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	h := newDurableHub(t, fake, durableChatRoom("d*", 10))
	propose(h, "d", "ann", `{"id":"m","text":"secret"}`)
	propose(h, "d", "ann", `{"type":"edit","of":"m","text":"secret too"}`)
	fake.Settle()
	propose(h, "d", "ann", `{"type":"delete","of":"m"}`)
	if more, err := (committer{h, h.Durable("")}).Carry(2); more || err != nil || !h.Durable("").snapshots.proposed.Load() {
		t.Fatalf("got more %v, error %v, want a snapshot", more, err)
	}
	for messagesOf(h, "d")[0] != "m:" {
		if !fake.Step() {
			t.Fatalf("got %v, want the message deleted", messagesOf(h, "d"))
		}
	}
	most := h.HistoryBudget.maxBytes
	h.HistoryBudget.resize(1, h.releaseLocked)
	h.HistoryBudget.resize(most, h.releaseLocked)
	first, before := fake.Records(0)
	fake.Faults(brokertest.Faults{LoseAck: 1})
	fake.Settle()
	fake.Faults(brokertest.Faults{})
	if _, records := fake.Records(0); len(records) != len(before)+1 {
		t.Fatalf("got %d records from %d, want %d: one with the snapshot", len(records), first, len(before)+1)
	}
	fake.StepUntil(func() { h.Durable("").Maintain(t.Context()) })
	if got := messagesOf(h, "d"); len(got) > 0 {
		t.Errorf("after the log was opened again: got %v, want no message", got)
	}
	checkTalkBytes(t, h)
}
