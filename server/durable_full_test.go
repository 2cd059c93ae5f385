package server

import (
	"fmt"
	"strings"
	"testing"
)

// A start on a full disk serves: rooms in memory work, durable rooms can be read, and publications in them get the temporary error. It heals by
// itself, in the same epoch.
func TestAStartOnAFullDiskRejectsDurablePublicationsOnly(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	s, node := startDurable(t, fake, durableRoom("d*"), roomWithHistory("h:*"))
	epoch := field(t, call(t, s, "publish", `{"channel":"d","data":"stored"}`), "epoch")
	list := call(t, s, "history", `{"channel":"d","limit":-1}`)
	fake.Kill(node)

	fake.Full(true)
	again, _ := startDurable(t, fake, durableRoom("d*"), roomWithHistory("h:*"))
	wantCall(t, again, "history", `{"channel":"d","limit":-1}`, list)
	c := connectSDK(t, again, "")
	c.sendLine(`{"id":2,"subscribe":{"channel":"d","recover":true,"offset":0,"epoch":%q}}`, epoch)
	if got := c.line(); !strings.Contains(got, `"recovered":true`) || !strings.Contains(got, "stored") {
		t.Errorf("got %s, want the stored publication", got)
	}
	c.sendLine(`{"id":3,"publish":{"channel":"d","data":1}}`)
	c.expectLine(`{"id":3,"error":{"code":100,"message":"temporarily not available: the storage of the room does not answer: retry later","temporary":true}}`)
	if got := call(t, again, "publish", `{"channel":"h:1","data":1}`); !strings.Contains(got, `"offset":1`) {
		t.Errorf("got %s in a room in memory", got)
	}
	if got := readiness(t, again); !strings.Contains(got, "degraded") {
		t.Errorf("got %s, want degraded", got)
	}

	fake.Full(false)
	eventually(t, "durable rooms to be available", func() bool {
		return strings.Contains(call(t, again, "publish", `{"channel":"d","data":2}`), fmt.Sprintf(`"offset":2,"epoch":%q`, epoch))
	})
	if got := readiness(t, again); !strings.Contains(got, "ready") {
		t.Errorf("got %s, want ready", got)
	}
}

// The first start of a data directory on a full disk serves as well. What clients know of a durable room is right afterwards.
func TestAFirstStartOnAFullDiskServes(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	fake.Full(true)
	s, _ := startDurable(t, fake, durableRoom("d*"))
	c := connectSDK(t, s, "")
	epoch := field(t, c.enter("d"), "epoch")
	wantError(t, s, "publish", `{"channel":"d","data":1}`, 100, "not available")
	fake.Full(false)
	eventually(t, "durable rooms to be available", func() bool {
		return strings.Contains(call(t, s, "publish", `{"channel":"d","data":2}`), fmt.Sprintf(`"offset":1,"epoch":%q`, epoch))
	})
}
