package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

func TestTheSubscribeWebhookDecides(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{session.OnSubscribe: func(q question) string {
		switch q.Channel {
		case "no":
			return `{"error":{"code":403,"message":"members only"}}`
		case "out":
			return `{"disconnect":{"code":4000,"reason":"come back"}}`
		}
		return `{"result":{"info":{"role":"host"},"data":{"topic":"tea"}}}`
	}})
	s := startHooked(t, a, func(c *Config) {
		closed := chat.DefaultRoom()
		closed.Pattern, closed.Subscribe = "closed", chat.Nobody
		c.Rooms = []chat.RoomOptions{closed}
	})
	c := connectSDK(t, s, signed(map[string]any{"sub": "ann"}))
	c.sendLine(`{"id":2,"subscribe":{"channel":"yes","data":[1]}}` + "\n" + `{"id":3,"subscribe":{"channel":"no"}}` + "\n" + `{"id":4,"subscribe":{"channel":"closed"}}`)
	c.expectLine(`{"id":2,"subscribe":{"data":{"topic":"tea"}}}`)
	c.expectLine(`{"id":3,"error":{"code":403,"message":"members only"}}`)
	c.expectLine(`{"id":4,"error":{"code":103,"message":"permission denied"}}`)
	if q := a.of(session.OnSubscribe); len(q) != 2 || q[0].User != "ann" || q[0].Channel != "yes" || string(q[0].Data) != "[1]" {
		t.Errorf("got %+v, want two, and none for a closed room", q)
	}
	c.sendLine(`{"id":5,"publish":{"channel":"yes","data":1}}`)
	if line := c.line(); !strings.Contains(line, `"chan_info":{"role":"host"}`) {
		t.Errorf("got %s, want the info of the reply", line)
	}
	c.expectLine(`{"id":5,"publish":{}}`)
	c.sendLine(`{"id":6,"subscribe":{"channel":"out"}}`)
	c.expectCloseCode(4000)
}

// moderated adds a room with publish-proxy.
func moderated(c *Config) {
	o := chat.DefaultRoom()
	o.Pattern, o.PublishProxy, o.HistorySize, o.HistoryTTL = "moderated", true, 10, time.Hour
	c.Rooms = []chat.RoomOptions{o}
}

func TestThePublishWebhookChangesTheData(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{session.OnPublish: func(q question) string {
		switch string(q.Data) {
		case `"rude"`:
			return `{"result":{"data":{"text": "***"},"tags":{"by":"filter"}}}`
		case `"secret"`:
			return `{"result":{"skip_history":true}}`
		case `"spam"`:
			return `{"error":{"code":1001,"message":"spam"}}`
		case `"deep"`:
			return `{"result":{"data":` + strings.Repeat("[", session.MaxDepth+1) + strings.Repeat("]", session.MaxDepth+1) + `}}`
		}
		return `{"result":{}}`
	}})
	s := startHooked(t, a, moderated)
	c := connectSDK(t, s, signed(map[string]any{"sub": "ann"}))
	c.sendLine(`{"id":2,"subscribe":{"channel":"moderated"}}` + "\n" + `{"id":3,"subscribe":{"channel":"free"}}`)
	c.expectLine(`{"id":2,"subscribe":{}}`)
	c.expectLine(`{"id":3,"subscribe":{}}`)
	for i, tt := range []struct{ data, heard, answer string }{
		{`"fine"`, `"data":"fine"`, `"publish":{}`},
		{`"rude"`, `"data":{"text":"***"}`, `"publish":{}`},
		{`"secret"`, `"data":"secret"`, `"publish":{}`},
		{`"spam"`, "", `"error":{"code":1001,"message":"spam"}`},
		{`"deep"`, "", `"error":{"code":100,"message":"internal server error","temporary":true}`},
	} {
		c.sendLine(`{"id":%d,"publish":{"channel":"moderated","data":%s}}`, 10+i, tt.data)
		if tt.heard != "" {
			if line := c.line(); !strings.Contains(line, `"pub":{"data":`+tt.heard[len(`"data":`):]) && !strings.Contains(line, tt.heard) {
				t.Errorf("%s: received %s", tt.data, line)
			}
		}
		c.expectLine(fmt.Sprintf(`{"id":%d,%s}`, 10+i, tt.answer))
	}
	c.sendLine(`{"id":20,"history":{"channel":"moderated","limit":10}}`)
	if line := c.line(); strings.Contains(line, "secret") || strings.Contains(line, "rude") || !strings.Contains(line, `"offset":2`) {
		t.Errorf("got %s, want two publications, one of them changed", line)
	}
	// Other rooms cause no proxy request.
	asked := len(a.of(session.OnPublish))
	c.sendLine(`{"id":21,"publish":{"channel":"free","data":1}}`)
	c.line()
	c.expectLine(`{"id":21,"publish":{}}`)
	if got := len(a.of(session.OnPublish)); got != asked || asked != 5 {
		t.Errorf("got %d proxy requests, and %d before, want 5", got, asked)
	}
}

// A plain client cannot receive an error reply, so it may not publish in a room with publish-proxy.
func TestAPlainClientMayNotPublishWithAPublishProxy(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{session.OnPublish: always(`{"result":{}}`)})
	s := startHooked(t, a, moderated)
	c := dial(t, s, "moderated")
	c.send(ws.OpText, "rude")
	c.expectCloseCode(ws.ClosePolicy)
	eventually(t, "the close to be counted", func() bool { return closesBy(s, fanout.ClosedDenied) == 1 })
	if got := len(a.of(session.OnPublish)); got != 0 {
		t.Errorf("got %d proxy requests, want none", got)
	}
}

// A sanction that starts during a proxy request applies when the reply arrives.
func TestAMuteDuringAProxyRequestApplies(t *testing.T) {
	t.Parallel()
	asked, answer := make(chan struct{}), make(chan struct{})
	a := startApplication(t, map[string]func(question) string{
		session.OnPublish:   func(question) string { asked <- struct{}{}; <-answer; return `{"result":{}}` },
		session.OnSubscribe: func(question) string { asked <- struct{}{}; <-answer; return `{"result":{}}` },
	})
	s := startHooked(t, a, func(c *Config) {
		moderated(c)
		c.Rooms[0].Publish = chat.Anyone
	})
	c := connectSDK(t, s, signed(map[string]any{"sub": "ann"}))
	for _, command := range []string{`{"id":2,"publish":{"channel":"moderated","data":1}}`, `{"id":2,"subscribe":{"channel":"moderated"}}`} {
		c.sendLine("%s", command)
		<-asked
		s.sessions.Moderation.Ban("ann", "moderated", chat.Term{})
		answer <- struct{}{}
		c.expectLine(`{"id":2,"error":{"code":103,"message":"permission denied: banned from this room"}}`)
		s.sessions.Moderation.Unban("ann", "moderated")
	}
}

func TestTheRPCWebhookReplies(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{session.OnRPC: func(q question) string {
		switch q.Method {
		case "echo":
			return fmt.Sprintf(`{"result":{"data":%s}}`, q.Data)
		case "bytes":
			return `{"result":{"b64data":"AP8="}}`
		case "":
			return `{"error":{"code":1000,"message":"nobody hears it"}}`
		}
		return `{"result":{}}`
	}})
	s := startHooked(t, a, nil)
	c := connectSDK(t, s, signed(map[string]any{"sub": "ann"}))
	before := s.sessions.Loop.Received.Load()
	sent := 0
	say := func(text string) {
		frame := ws.AppendMaskedFrame(nil, ws.OpText, 7, []byte(text))
		sent += len(frame)
		c.write(frame)
	}
	// Several commands in a frame, and another frame after it: all wait, and all get replies in order.
	say(`{"id":2,"rpc":{"method":"echo","data":{"x":"<&>"}}}` + "\n" + `{"send":{"data":"quiet"}}` + "\n" + `{"id":3,"rpc":{"method":"bytes"}}` + "\n" +
		`{"id":4,"unsubscribe":{"channel":"a"}}`)
	say(`{"id":5,"rpc":{"method":"nothing"}}`)
	c.expectLine(`{"id":2,"rpc":{"data":{"x":"<&>"}}}`)
	c.expectLine(`{"id":3,"rpc":{"data":"AP8="}}`)
	c.expectLine(`{"id":4,"unsubscribe":{}}`)
	c.expectLine(`{"id":5,"rpc":{}}`)
	if q := a.of(session.OnRPC); len(q) != 4 || q[1].Method != "" || string(q[1].Data) != `"quiet"` {
		t.Errorf("got %+v, want four, the second without a method", q)
	}
	if got := s.sessions.Loop.Received.Load() - before; got != uint64(sent) {
		t.Errorf("got %d bytes counted, want %d: each byte once", got, sent)
	}
}

func TestWebhooksHaveMetrics(t *testing.T) {
	t.Parallel()
	a := startApplication(t, map[string]func(question) string{session.OnConnect: always(`{"result":{}}`)})
	s := startHooked(t, a, nil)
	connectSDK(t, s, "")
	text := scrape(t, s)
	for _, line := range []string{
		`throng_webhook_requests_total{event="connect",result="ok"} 1`, `throng_webhook_requests_total{event="disconnect",result="timeout"} 0`,
		`throng_webhook_seconds_count{event="connect"} 1`, "throng_webhook_queue 0", "throng_webhook_waiting 0", "throng_webhook_dropped_total 0",
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("/metrics lacks %s", line)
		}
	}
}
