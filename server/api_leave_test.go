package server

import (
	"strings"
	"sync"
	"testing"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

// waysOut are the calls that remove ann from the room x. After their reply, she receives nothing from it. Some disconnect her.
var waysOut = []struct {
	method, params string
	stays          bool
}{
	{"unsubscribe", `{"user":"ann","channel":"x"}`, true},
	{"kick", `{"user":"ann","channel":"x"}`, true},
	{"kick", `{"user":"ann"}`, false},
	{"ban", `{"user":"ann","channel":"x"}`, true},
	{"ban", `{"user":"ann"}`, false},
	{"disconnect", `{"user":"ann"}`, false},
	{"refresh", `{"user":"ann","expired":true}`, false},
	{"revoke", `{"user":"ann"}`, false},
}

// A removed member receives nothing that was published after the reply to the removal.
func TestAfterTheUnsubscribeReplyNothingIsDelivered(t *testing.T) {
	t.Parallel()
	for _, way := range waysOut {
		t.Run(way.method+" "+way.params, func(t *testing.T) {
			s := startAPI(t)
			a, b := connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, tokenOf("bob"))
			a.enter("x")
			b.enter("x")
			// All of it is one flush of the shards.
			gate := make(chan struct{})
			release := sync.OnceFunc(func() { close(gate) })
			defer release()
			for _, sh := range s.sessions.Shards {
				sh.Post(fanout.Job{Do: fanout.CallBack, Call: func() { <-gate }})
			}
			wantCall(t, s, "publish", `{"channel":"x","data":"before"}`, `{"result":{}}`)
			wantCall(t, s, way.method, way.params, `{"result":{}}`)
			wantCall(t, s, "publish", `{"channel":"x","data":"after"}`, `{"result":{}}`)
			release()
			a.expectLine(`{"push":{"channel":"x","pub":{"data":"before"}}}`)
			b.expectLine(`{"push":{"channel":"x","pub":{"data":"before"}}}`)
			b.expectLine(`{"push":{"channel":"x","pub":{"data":"after"}}}`)
			if !way.stays {
				a.hearsUntilClosed(t, "after")
				return
			}
			a.sendLine(`{"id":9,"presence_stats":{"channel":"y"}}`)
			for line := ""; !strings.HasPrefix(line, `{"id":9,`); {
				if line = a.line(); strings.Contains(line, "after") {
					t.Fatalf("got %s, want nothing that was published after the reply", line)
				}
			}
		})
	}
}

// hearsUntilClosed reads up to the close frame, and fails the test if a message contains a word.
func (c *sdk) hearsUntilClosed(t *testing.T, not string) {
	t.Helper()
	for {
		m, err := c.nextExceptPings()
		if err != nil {
			t.Fatal(err)
		}
		if m.Op == ws.OpClose {
			return
		}
		if strings.Contains(string(m.Payload), not) {
			t.Fatalf("got %s, want nothing that was published after the reply", m.Payload)
		}
	}
}

// The same holds for a connection that another goroutine is closing, before its close frame is posted.
func TestAfterTheUnsubscribeReplyNothingIsDeliveredWhileClosing(t *testing.T) {
	t.Parallel()
	for _, way := range waysOut {
		t.Run(way.method+" "+way.params, func(t *testing.T) {
			s := startAPI(t)
			a := connectSDK(t, s, tokenOf("ann"))
			a.enter("x")
			ann := sessionsOf(s, "ann")[0]
			c := ann.Conn
			ann.CloseFrame.Store(&session.CloseFrame{Code: 3001, Text: "shutdown"})
			c.SetReason(fanout.ClosedShutdown) // as Conn.Close does before it posts
			wantCall(t, s, way.method, way.params, `{"result":{}}`)
			wantCall(t, s, "publish", `{"channel":"x","data":"after"}`, `{"result":{}}`)
			c.Shard.Post(fanout.Job{Do: fanout.SendClose, Conn: c, Frame: fanout.EncodeFrame(ws.OpClose, ws.ClosePayload(3001, "shutdown"))})
			a.hearsUntilClosed(t, "after")
		})
	}
}
