package server

import (
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/ws"
)

// half returns a message in two parts.
func half(op ws.Opcode, payload string) (begin, end []byte) {
	frame := ws.AppendMaskedFrame(nil, op, 7, []byte(payload))
	return frame[:len(frame)/2], frame[len(frame)/2:]
}

func unfinishedOf(t *testing.T, s *Server) int {
	return int(value(t, s, "throng_unfinished_messages", ""))
}

// olden makes every unfinished message older.
func olden(s *Server, by time.Duration) {
	u := s.sessions.Unfinished
	u.Mu.Lock()
	defer u.Mu.Unlock()
	for at := u.Order.Front(); at != nil; at = at.Next() {
		at.Value.(*fanout.UnfinishedMessage[*fanout.Conn]).Since -= fanout.InTicks(by)
	}
}

// A message must be complete 30 s after its first byte, also if the client sends other frames.
func TestAnUnfinishedMessageHasATimeout(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	patient, trickling, pinging, headOnly := dial(t, s, "x"), dial(t, s, "x"), dial(t, s, "x"), dial(t, s, "x")
	sdk := connectSDK(t, s, "")
	begin, end := half(ws.OpText, "in two parts")
	fragment := ws.AppendMaskedFrame(nil, ws.OpText, 7, []byte("never followed"))
	fragment[0] &^= 0x80 // without FIN
	trickling.write(begin[:8])
	headOnly.write(begin[:1])
	pinging.write(fragment)
	sdk.write(begin)
	eventually(t, "four messages to begin", func() bool { return unfinishedOf(t, s) == 4 })
	before := s.sessions.Loop.Received.Load()
	trickling.write(begin[8:9])
	pinging.send(ws.OpPing, "still here")
	pinging.expect(ws.OpPong, "still here")
	eventually(t, "more of a message to be read", func() bool { return s.sessions.Loop.Received.Load() > before+uint64(len("still here"))+6 })
	olden(s, fanout.MessageTimeout)
	patient.write(begin)
	for _, c := range []*client{trickling, headOnly, pinging, sdk.client} {
		c.expectCloseCode(ws.ClosePolicy)
	}
	eventually(t, "all to be removed", func() bool { return closesBy(s, fanout.ClosedUnfinished) == 4 && unfinishedOf(t, s) == 1 })
	patient.write(end)
	patient.expect(ws.OpText, "in two parts")
	eventually(t, "all to be released", func() bool { return unfinishedOf(t, s) == 0 && value(t, s, "throng_unfinished_bytes", "") == 0 })
}

// The bytes of all unfinished messages have a budget. Above it, the connections with the oldest messages are closed.
func TestUnfinishedMessagesAreBoundedTogether(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	const budget = 300 << 10
	u := s.sessions.Unfinished
	u.Mu.Lock()
	u.Most = budget
	u.Mu.Unlock()
	begin, end := half(ws.OpText, strings.Repeat("x", 60<<10))
	const clients = 30
	var all [clients]*client
	var most int
	for i := range all {
		all[i] = dial(t, s, "x")
		before := s.sessions.Loop.Received.Load()
		all[i].write(begin)
		eventually(t, "the beginning to be read", func() bool { return s.sessions.Loop.Received.Load() == before+uint64(len(begin)) })
		_, bytes := u.Size()
		most = max(most, bytes)
	}
	if most > budget || most < budget/2 {
		t.Errorf("got %d bytes held, want %d at most, and most of that", most, budget)
	}
	all[0].expectCloseCode(ws.ClosePolicy)
	eventually(t, "the oldest to be closed", func() bool { return closesBy(s, fanout.ClosedUnfinished) > clients/2 })
	last := all[clients-1]
	last.write(end)
	last.expect(ws.OpText, strings.Repeat("x", 60<<10))
	held := 0
	eventually(t, "the bytes of the closed connections to be released", func() bool {
		held = 0
		for _, p := range s.sessions.Loop.Pollers {
			done := make(chan struct{})
			p.Post(func() { close(done) })
			<-done
		}
		s.sessions.Call(func(sh *fanout.Shard) {
			for _, c := range sh.Conns {
				held += c.Decoder.Held()
			}
		})
		return held <= budget
	})
}
