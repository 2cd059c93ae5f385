package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/session"
)

// If an SDK reconnects after the history has expired and missed nothing, its recovery succeeds.
func TestAPositionOutlivesTheHistory(t *testing.T) {
	t.Parallel()
	o := rememberingRoom("*")
	o.HistoryTTL = time.Second
	s := startAPI(t, o)
	c := connectSDK(t, s, "")
	c.sendLine(`{"id":2,"subscribe":{"channel":"x"}}`)
	epoch := field(t, c.line(), "epoch")
	said := call(t, s, "publish", `{"channel":"x","data":1}`)
	if want := fmt.Sprintf(`{"result":{"offset":1,"epoch":%q}}`, epoch); said != want {
		t.Errorf("got %s for publish, want %s", said, want)
	}
	c.expectLine(`{"push":{"channel":"x","pub":{"data":1,"offset":1}}}`)
	c.sendLine(`{"id":3,"unsubscribe":{"channel":"x"}}`)
	c.expectLine(`{"id":3,"unsubscribe":{}}`)
	eventually(t, "the room to be released", func() bool { return s.sessions.Rooms.Count() == 0 })
	if got := value(t, s, "throng_positions", ""); got != 1 {
		t.Errorf("got %v positions, want 1", got)
	}
	for range 50 { // other rooms are released, too
		call(t, s, "publish", `{"channel":"other","data":1}`)
	}
	c.sendLine(`{"id":4,"subscribe":{"channel":"x","recover":true,"offset":1,"epoch":%q}}`, epoch)
	if got := c.line(); !strings.Contains(got, `"recovered":true`) || !strings.Contains(got, epoch) {
		t.Errorf("got %s, want a successful recovery", got)
	}
}

// A gap ends a subscription with positioning, so that its client resubscribes and recovers.
func TestAGapEndsThePosition(t *testing.T) {
	t.Parallel()
	o := chat.DefaultRoom()
	o.HistorySize, o.HistoryTTL, o.Recovery = 10, 1<<40, true
	s := startBackend(t, o)
	c := connectSDK(t, s, userToken("ann"))
	c.sendLine(`{"id":2,"subscribe":{"channel":"x"}}`)
	c.line()
	c.sendLine(`{"id":3,"publish":{"channel":"x","data":1}}`)
	c.line()
	c.expectLine(`{"id":3,"publish":{}}`)
	r, unlock := s.sessions.Rooms.Find("x")
	r.History.LastOffset++ // one was published and not delivered
	unlock()
	c.sendLine(`{"id":4,"publish":{"channel":"x","data":2}}`)
	for line := c.line(); line != `{"push":{"channel":"x","unsubscribe":{"code":2500,"reason":"insufficient state"}}}`; line = c.line() {
		if line != `{"id":4,"publish":{}}` {
			t.Fatalf("got %s, want the end of the subscription", line)
		}
	}
}

// A publication that was lost by a panic is a gap like any other.
func TestAPanicOverAPublicationIsAGap(t *testing.T) {
	t.Parallel()
	s := startBackend(t, rememberingRoom("*"))
	c := connectSDK(t, s, userToken("ann"))
	c.sendLine(`{"id":2,"subscribe":{"channel":"x"}}`)
	c.line()
	c.sendLine(`{"id":3,"publish":{"channel":"x","data":1}}`)
	c.line()
	c.expectLine(`{"id":3,"publish":{}}`)
	r := roomOf(s, "x")
	r.Stripe.Mu.Lock()
	at := r.Topics[0]
	r.History.LastOffset++
	broken := &chat.Message{Pub: chat.Publication{Offset: r.History.LastOffset}, Bytes: 100} // without a room: it cannot be encoded
	at.Shard.Push(fanout.Job{Do: fanout.Deliver, Topic: at, Message: broken})
	r.Backlog.Add(int64(broken.Bytes))
	r.Stripe.Mu.Unlock()
	at.Shard.Wake()
	c.sendLine(`{"id":4,"publish":{"channel":"x","data":2}}`)
	for line := c.line(); line != `{"push":{"channel":"x","unsubscribe":{"code":2500,"reason":"insufficient state"}}}`; line = c.line() {
		if strings.Contains(line, `{"id":5`) {
			t.Fatal("the gap was not noticed")
		}
		if strings.Contains(line, `{"id":4`) {
			c.sendLine(`{"id":5,"rpc":{"method":"x"}}`) // nothing follows its reply
		}
	}
	eventually(t, "the backlog of its room to be empty", func() bool { return r.Backlog.Load() == 0 })
}

// After a gap, a positioned subscription gets no later publication: its client would recover from that position and miss the gap. Other
// subscriptions continue.
func TestAGapIsRecovered(t *testing.T) {
	t.Parallel()
	o := rememberingRoom("*")
	o.Recovery = false
	s := startAPI(t, o)
	exact, other := connectSDK(t, s, userToken("ann")), connectSDK(t, s, userToken("bob"))
	exact.sendLine(`{"id":2,"subscribe":{"channel":"x","recoverable":true}}`)
	epoch := field(t, exact.line(), "epoch")
	other.enter("x")
	call(t, s, "publish", `{"channel":"x","data":1}`)
	for _, c := range []*sdk{exact, other} {
		c.expectLine(`{"push":{"channel":"x","pub":{"data":1,"offset":1}}}`)
	}
	r, unlock := s.sessions.Rooms.Find("x")
	broken := &chat.Message{Bytes: 100} // without a room: it cannot be encoded
	broken.Pub, _ = session.PublicationOf([]byte("2"))
	broken.Pub.At = s.sessions.Clock.Tick()
	s.sessions.HistoryBudget.Append(r, &broken.Pub)
	wake := r.PostLocked(broken)
	unlock()
	s.sessions.Wake(wake)
	call(t, s, "publish", `{"channel":"x","data":3}`)
	exact.expectLine(`{"push":{"channel":"x","unsubscribe":{"code":2500,"reason":"insufficient state"}}}`)
	exact.sendLine(`{"id":3,"subscribe":{"channel":"x","recoverable":true,"recover":true,"offset":1,"epoch":%q}}`, epoch)
	if line := exact.line(); !strings.Contains(line, `"recovered":true`) || !strings.Contains(line, `{"data":2,"offset":2`) || !strings.Contains(line, `{"data":3,"offset":3`) {
		t.Errorf("got %s, want the missed publication", line)
	}
	other.expectLine(`{"push":{"channel":"x","pub":{"data":3,"offset":3}}}`)
	call(t, s, "publish", `{"channel":"x","data":4}`)
	for _, c := range []*sdk{exact, other} {
		c.expectLine(`{"push":{"channel":"x","pub":{"data":4,"offset":4}}}`)
	}
}
