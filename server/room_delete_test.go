package server

import (
	"testing"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/ws"
)

// Nobody stays subscribed to a room that is deleted: neither members nor other clients, and plain clients are closed. Other rooms keep theirs.
func TestADeletedRoomHasNoSubscribers(t *testing.T) {
	t.Parallel()
	o := rosterRooms("open:*")
	o.Subscribe, o.JoinLeave = chat.Anyone, false
	s := startAPI(t, o)
	call(t, s, "members_add", `{"channel":"open:a","users":["ann"]}`)
	clients := []*sdk{connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, tokenOf("eve")), connectSDK(t, s, tokenOf("eve")), connectSDK(t, s, "")}
	for _, c := range clients {
		c.enter("open:a")
		c.enter("open:b")
	}
	plain, other := dial(t, s, "open:a"), dial(t, s, "open:b")
	if got := call(t, s, "room_delete", `{"channel":"open:a"}`); got != `{"result":{}}` {
		t.Fatal(got)
	}
	for _, c := range clients {
		c.expectLine(`{"push":{"channel":"open:a","unsubscribe":{"code":2000,"reason":"room deleted"}}}`)
	}
	plain.expectClose(ws.ClosePolicy, "room deleted")
	plain.conn.Close()
	eventually(t, "the end of the connection", func() bool { return closesBy(s, fanout.ClosedByApplication) == 1 })
	call(t, s, "publish", `{"channel":"open:b","data":"still here"}`)
	for _, c := range clients {
		c.expectLine(`{"push":{"channel":"open:b","pub":{"data":"still here","offset":1}}}`)
	}
	other.expect(ws.OpText, "still here")
	if got := call(t, s, "presence_stats", `{"channel":"open:a"}`); got != `{"result":{"num_clients":0,"num_users":0}}` {
		t.Errorf("got %s, want nobody in the room", got)
	}
	clients[1].enter("open:a") // its options admit anyone
}
