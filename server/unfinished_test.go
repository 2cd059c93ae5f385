package server

import (
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/wheel"
	"github.com/throng-chat/throng/server/ws"
)

// half is the beginning of a message, and the rest of it.
func half(op ws.Opcode, payload string) (begin, end []byte) {
	frame := ws.AppendMaskedFrame(nil, op, 7, []byte(payload))
	return frame[:len(frame)/2], frame[len(frame)/2:]
}

func unfinishedOf(t *testing.T, s *Server) int {
	return int(value(t, s, "throng_unfinished_messages", ""))
}

// olden makes every unfinished message so much older.
func olden(s *Server, by time.Duration) {
	u := s.hub.unfinished
	u.mu.Lock()
	defer u.mu.Unlock()
	for at := u.order.Front(); at != nil; at = at.Next() {
		at.Value.(*unfinishedMessage).since -= inTicks(by)
	}
}

// A message has 30 s from its first byte to its last, whatever else the client sends meanwhile.
func TestAMessageThatIsNotFinishedInTimeEndsTheConnection(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	patient, trickling, pinging, headOnly := dial(t, s, "x"), dial(t, s, "x"), dial(t, s, "x"), dial(t, s, "x")
	sdk := connectSDK(t, s, "")
	begin, end := half(ws.OpText, "in two parts")
	fragment := ws.AppendMaskedFrame(nil, ws.OpText, 7, []byte("never followed"))
	fragment[0] &^= 0x80 // not the last
	trickling.write(begin[:8])
	headOnly.write(begin[:1])
	pinging.write(fragment)
	sdk.write(begin)
	eventually(t, "four messages to begin", func() bool { return unfinishedOf(t, s) == 4 })
	before := s.hub.loop.received.Load()
	trickling.write(begin[8:9])
	pinging.send(ws.OpPing, "still here")
	pinging.hear(ws.OpPong, "still here")
	eventually(t, "more of a message to be read", func() bool { return s.hub.loop.received.Load() > before+uint64(len("still here"))+6 })
	olden(s, messageTimeout)
	patient.write(begin)
	for _, c := range []*client{trickling, headOnly, pinging, sdk.client} {
		c.closed(ws.ClosePolicy)
	}
	eventually(t, "all to be forgotten", func() bool { return closesBy(s, closedUnfinished) == 4 && unfinishedOf(t, s) == 1 })
	patient.write(end)
	patient.hear(ws.OpText, "in two parts")
	eventually(t, "none to be left", func() bool { return unfinishedOf(t, s) == 0 && value(t, s, "throng_unfinished_bytes", "") == 0 })
}

// A client that always has a message under way, but never the same one, stays.
func TestEachMessageHasItsOwnTime(t *testing.T) {
	u := newUnfinished(64 << 10)
	c := &conn{}
	const began = wheel.Tick(100)
	u.note(c, 500, began)
	u.note(c, 700, began+50) // more of the same message
	if late := u.expire(began + inTicks(messageTimeout) - 1); len(late) != 0 {
		t.Error("ended before its time")
	}
	u.note(c, 0, began+55)
	u.note(c, 500, began+55)
	if late := u.expire(began + inTicks(messageTimeout)); len(late) != 0 {
		t.Error("ended for a message that is finished")
	}
	if late := u.expire(began + 55 + inTicks(messageTimeout)); len(late) != 1 || late[0] != c {
		t.Errorf("got %v, want the connection", late)
	}
	if messages, bytes := u.size(); messages != 0 || bytes != 0 {
		t.Errorf("got %d messages of %d bytes, want none", messages, bytes)
	}
	// A connection that has been counted out is not tracked again.
	c.set(left)
	u.note(c, 500, began)
	if messages, _ := u.size(); messages != 0 {
		t.Errorf("got %d messages of who has left, want none", messages)
	}
}

// The bytes of all unfinished messages have a budget; the oldest messages make room.
func TestUnfinishedMessagesAreBoundedTogether(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	const budget = 300 << 10
	u := s.hub.unfinished
	u.mu.Lock()
	u.most = budget
	u.mu.Unlock()
	begin, end := half(ws.OpText, strings.Repeat("x", 60<<10))
	const clients = 30
	var all [clients]*client
	var most int
	for i := range all {
		all[i] = dial(t, s, "x")
		before := s.hub.loop.received.Load()
		all[i].write(begin)
		eventually(t, "the beginning to be read", func() bool { return s.hub.loop.received.Load() == before+uint64(len(begin)) })
		_, bytes := u.size()
		most = max(most, bytes)
	}
	if most > budget || most < budget/2 {
		t.Errorf("got %d bytes held, want %d at most, and most of that", most, budget)
	}
	all[0].closed(ws.ClosePolicy)
	eventually(t, "the oldest to be closed", func() bool { return closesBy(s, closedUnfinished) > clients/2 })
	last := all[clients-1]
	last.write(end)
	last.hear(ws.OpText, strings.Repeat("x", 60<<10))
	held := 0
	eventually(t, "what the closed held to be released", func() bool {
		held = 0
		for _, p := range s.hub.loop.pollers {
			done := make(chan struct{})
			p.post(func() { close(done) })
			<-done
		}
		s.hub.call(func(sh *shard) {
			for _, c := range sh.conns {
				held += c.decoder.Held()
			}
		})
		return held <= budget
	})
}

// A message that goes on, byte by byte, has no more time than another.
func TestAMessageThatTricklesHasNoMoreTime(t *testing.T) {
	u := newUnfinished(64 << 10)
	c := &conn{}
	timeout := inTicks(messageTimeout)
	for at := wheel.Tick(0); at < timeout; at += timeout / 4 {
		u.note(c, 10+int(at), firstTick+at)
		if late := u.expire(firstTick + at); len(late) != 0 {
			t.Fatalf("late after %d of %d ticks", at, timeout)
		}
	}
	if late := u.expire(firstTick + timeout); len(late) != 1 || late[0] != c {
		t.Errorf("got %d late when its time is over, want 1", len(late))
	}
	if messages, bytes := u.size(); messages != 0 || bytes != 0 {
		t.Errorf("got %d messages of %d bytes left", messages, bytes)
	}
}
