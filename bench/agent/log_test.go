package agent

import (
	"testing"

	"github.com/throng-chat/throng/bench/result"
)

func TestLogForgetsOldMessages(t *testing.T) {
	t.Parallel()
	p := newDeliveryCheck(planOf(Plan{Rooms: make([]string, 1<<12), Publishers: 1}))
	r := p.rooms[0]
	messages := 2*int(r.log.window()) + 500
	p.sent[0].Store(uint32(messages))
	ahead, behind := &member{publisher: -1}, &member{publisher: -1}
	r.join(ahead, -grace)
	r.join(behind, -grace)
	for n := range uint32(messages) {
		p.publics[0].append(r.log.append(entry{words: stampWords{1}, seq: n}), r.log.window())
	}
	ahead.next = r.log.length.Load()
	if r.log.at(0) != nil {
		t.Error("the log still has its first entry")
	}
	if n := len(p.publics[0].at); n > 3*int(r.log.window()) {
		t.Errorf("got %d places, want about a window", n)
	}
	if got := p.finish([]*member{ahead, behind}).Faults; got != (result.Faults{Lost: messages}) {
		t.Errorf("got %+v, want %d lost", got, messages)
	}
}

// With many rooms each log keeps fewer messages, and all together about as many as one.
func TestTheLogsOfManyRoomsAreSmaller(t *testing.T) {
	for _, rooms := range []int{1, 50, 1000, 20_000} {
		l := newRoomLog(rooms)
		if n := int(l.window()); n < minWindow/2 || rooms > 1 && n*rooms > 2*allWindows && n > minWindow {
			t.Errorf("the logs of %d rooms keep %d messages each", rooms, n)
		}
	}
}
