package agent

import (
	"testing"

	"github.com/throng-chat/throng/bench/result"
)

// A member loses at most what was due to it, also if the log has forgotten the senders of the missing messages.
func TestLossIsAtMostWhatWasDue(t *testing.T) {
	const messages = 5000
	for _, received := range []bool{true, false} {
		p := newDeliveryCheck(planOf(Plan{Rooms: make([]string, 5000), Publishers: 1, NoEcho: true})) // with many rooms each log keeps few messages
		room := p.rooms[0]
		poller := newPoller(p, &Protocols[0], 100)
		h := &hall{t: t, check: p, room: room, poller: poller, publishers: 1}
		for i := range 2 {
			c := &conn{poller: poller, room: room, state: open, member: member{connection: int32(i), publisher: int32(-i)}}
			room.join(&c.member, -grace)
			h.conns = append(h.conns, c)
		}
		if room.log.window() >= messages {
			t.Fatalf("the log keeps %d messages, want fewer than were sent: the test does not test anything", room.log.window())
		}
		h.sent(messages)
		want := result.Faults{Lost: messages}
		if received {
			want = result.Faults{}
			for n := range messages {
				h.receives(1, h.wire(n))
			}
		}
		if got, expected := h.finish(); got != want || expected != messages {
			t.Errorf("received %v: got %+v of %d, want %+v of %d", received, got, expected, want, messages)
		}
	}
}
