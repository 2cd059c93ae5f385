package server

import (
	"fmt"
	"strings"
	"testing"
	"time"
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
