package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/ws"
)

// small sets small budgets: 128 KiB for a room, 1 MiB for all.
func small(c *Config) { c.MaxMessage, c.MaxUnsent, c.MaxRetained = 16<<10, 64<<10, 1<<20 }

// If a room exceeds its budget of retained bytes, only its slowest member is closed.
func TestTheSlowestConsumerIsClosedFirst(t *testing.T) {
	s := startServer(t, small)
	slower, healthy, elsewhere := dial(t, s, "lobby"), dial(t, s, "lobby"), dial(t, s, "quiet")
	slow := make([]*client, len(s.sessions.Shards)) // one of them is on the same shard as the slowest
	for i := range slow {
		slow[i] = dial(t, s, "lobby")
		little(t, s, slow[i])
	}
	little(t, s, slower)
	little(t, s, elsewhere)
	say := func(from *client, n int) string {
		text := fmt.Sprintf("%d %s", n, strings.Repeat("x", 8<<10))
		from.send(ws.OpText, text)
		return text
	}
	// A stopped reader in another room, which is below its budget.
	const others = 12
	quiet := dial(t, s, "quiet")
	for n := range others {
		quiet.expect(ws.OpText, say(quiet, n))
	}
	var texts []string
	for n := 0; value(t, s, "throng_retained_closes_total", "") == 0; n++ {
		if n > 200 {
			t.Fatalf("got no connection closed with %d bytes retained", retainedBytes(t, s))
		}
		texts = append(texts, say(healthy, n))
		healthy.expect(ws.OpText, texts[n])
		flushAll(s)
		for _, c := range slow {
			if n < 10 {
				c.expect(ws.OpText, texts[n])
			}
		}
		if got, most := roomOf(s, "lobby").Retained.Load(), s.sessions.Limits().MaxRetainedAudience+int64(len(s.sessions.Shards)*10<<10); got > most {
			t.Fatalf("got %d bytes retained by the room, want %d at most", got, most)
		}
	}
	for _, c := range slow {
		for _, text := range texts[10:] {
			c.expect(ws.OpText, text)
		}
	}
	for n := range others {
		elsewhere.expect(ws.OpText, fmt.Sprintf("%d %s", n, strings.Repeat("x", 8<<10)))
	}
	eventually(t, "the slowest to be closed", func() bool { return closesBy(s, fanout.ClosedSlow) > 0 })
	if got := closesBy(s, fanout.ClosedSlow); got != 1 {
		t.Errorf("got %d closed, want only the slowest", got)
	}
	for {
		if _, err := slower.next(); err != nil {
			break
		}
	}
	if got := value(t, s, "throng_retained_closes_total", ""); got != 1 {
		t.Errorf("got %v closes counted, want 1", got)
	}
}

// A client that left a room still counts for its unsent bytes of that room.
func TestAFormerMemberMayBeTheSlowest(t *testing.T) {
	t.Parallel()
	s := startServer(t, small)
	left := narrowSDK(t, s)
	left.sendLine(`{"id":2,"subscribe":{"channel":"lobby"}}`)
	left.expectLine(`{"id":2,"subscribe":{}}`)
	healthy := dial(t, s, "lobby")
	body := strings.Repeat("x", 8<<10)
	r := roomOf(s, "lobby")
	for r.Retained.Load() < 118<<10 { // near the budget: a busy kernel may take 45 KiB later, and more than half of the budget must remain
		healthy.send(ws.OpText, body)
		healthy.expect(ws.OpText, body)
		flushAll(s)
	}
	left.sendLine(`{"id":3,"unsubscribe":{"channel":"lobby"}}`)
	eventually(t, "it to leave", func() bool { return value(t, s, "throng_subscriptions", "") == 0 })
	slow := dial(t, s, "lobby")
	little(t, s, slow)
	said := 0
	for ; value(t, s, "throng_retained_closes_total", "") == 0 && said < 200; said++ {
		healthy.send(ws.OpText, body)
		healthy.expect(ws.OpText, body)
		flushAll(s)
	}
	for range said {
		slow.expect(ws.OpText, body)
	}
}

// The memory of all outboxes together is bounded, for any rooms.
func TestAllOutboxesAreBounded(t *testing.T) {
	t.Parallel()
	s := startServer(t, small)
	body := strings.Repeat("x", 8<<10)
	for n := range 20 {
		room := fmt.Sprint("room ", n)
		little(t, s, dial(t, s, room))
		talker := dial(t, s, room)
		for range 16 {
			talker.send(ws.OpText, body)
			talker.expect(ws.OpText, body)
			flushAll(s)
			if got, most := retainedBytes(t, s), s.cfg.MaxRetained+len(s.sessions.Shards)*20<<10; got > most {
				t.Fatalf("got %d bytes retained, want %d at most", got, most)
			}
		}
	}
	if got := value(t, s, "throng_retained_closes_total", ""); got == 0 {
		t.Errorf("got no connection closed with %d bytes retained, so the test is not valid", retainedBytes(t, s))
	}
}

// If a budget is used up, slow consumers are closed until one eighth of it is free, so that not every further byte closes one.
func TestAnEighthOfABudgetIsFreed(t *testing.T) {
	for name, relieve := range map[string]func(*fanout.Topic){
		"of a room": func(at *fanout.Topic) {
			at.Shard.Core.Limits().MaxRetainedAudience = at.Audience.Retained.Load()
			at.CloseSlowest()
		},
		"of all": func(at *fanout.Topic) {
			at.Shard.Core.Limits().MaxRetained = at.Shard.Core.Retained.Load()
			at.Shard.CloseSlowest()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, nil)
			little(t, s, dial(t, s, "lobby"))
			talker := dial(t, s, "lobby")
			body := strings.Repeat("x", 16<<10)
			for retainedBytes(t, s) < 64<<10 {
				talker.send(ws.OpText, body)
				talker.expect(ws.OpText, body)
			}
			s.sessions.Call(func(sh *fanout.Shard) {
				for _, c := range sh.SlowConsumers {
					if c.Out != nil {
						relieve(c.Handler.Member(0).Topic)
					}
				}
			})
			eventually(t, "the reader to be closed", func() bool { return closesBy(s, fanout.ClosedSlow) == 1 })
		})
	}
}

// A connection whose own bytes exceed max-unsent is closed.
func TestTheOwnBytesOfAnOutboxAreBounded(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	little(t, s, dial(t, s, "lobby"))
	var c *fanout.Conn
	s.sessions.Call(func(sh *fanout.Shard) {
		if len(sh.Conns) > 0 {
			c = sh.Conns[0]
		}
	})
	frame := fanout.EncodeFrame(ws.OpText, []byte(strings.Repeat("x", 1<<10)))
	owed := func() (n int) {
		s.sessions.Call(func(sh *fanout.Shard) {
			if sh == c.Shard && c.Out != nil {
				n = c.Out.Own
			}
		})
		return n
	}
	for owed() < s.cfg.MaxUnsent-len(frame) {
		if closesBy(s, fanout.ClosedSlow) != 0 {
			t.Fatal("closed below the limit")
		}
		c.Shard.Post(fanout.Job{Do: fanout.SendFrame, Conn: c, Frame: frame})
	}
	for range 3 {
		c.Shard.Post(fanout.Job{Do: fanout.SendFrame, Conn: c, Frame: frame})
	}
	eventually(t, "it to be closed", func() bool { return closesBy(s, fanout.ClosedSlow) == 1 })
}
