package chat

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/throng-chat/throng/server/broker/brokertest"
)

// A message that the log does not accept is rejected, and counts once. Its users are not counted as missing in the list: there is no message.
func TestARejectedMessageOfADirectRoomIsNotUnlisted(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1})
	o := durableRooms("dialog#*")
	o.Kind = ChatRoom
	h := newDurableHub(t, fake, o)
	h.configureNames(NameRules{Users: "#"})
	fake.Down(true)
	oc := &outcome{}
	pub := Publication{Data: []byte(`{"id":"1","text":"hi"}`), Form: FormJSON, Info: &ClientInfo{User: "ann", Client: "1"}}
	h.ProposeTalk(h.RoomRef("dialog#ann,bob"), pub, PublishOptions{}, oc.done)
	if fake.Settle(); oc.e != RejectUnavailable {
		t.Fatalf("got %+v, want %+v", oc.e, RejectUnavailable)
	}
	if got := testutil.ToFloat64(h.Metrics.Durable.Rejected); got != 1 {
		t.Errorf("one rejected message counts %v times", got)
	}
	if got := testutil.ToFloat64(h.Metrics.DirectUnlisted); got != 0 {
		t.Errorf("%v users are counted as missing in the list, want none", got)
	}
	if got := rosterText(h, "dialog#ann,bob"); got != "" {
		t.Errorf("got the members %s, want none", got)
	}
}
