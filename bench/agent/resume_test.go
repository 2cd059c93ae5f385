package agent

import (
	"testing"

	"github.com/throng-chat/throng/bench/result"
)

// One that is away when all is over has lost what it was passed over with until it left, and nothing of what was said since.
func TestOneThatIsAwayAtTheEndHasLostNothingSince(t *testing.T) {
	h := newHall(t, 3, 1)
	h.sent(12)
	h.hears(0, h.wire(upTo(5)...))
	h.hears(1, h.wire(upTo(5)...))
	h.hears(2, h.wire(0, 1, 3, 4)) // 2 is lost
	away := h.conns[2]
	away.position = &position{}
	if !away.part() {
		t.Fatal("it was not a member")
	}
	h.hears(0, h.wire(6, 7, 8, 9, 10, 11)) // 5 floats, at the place of the one that is away
	h.hears(1, h.wire(5, 6, 7, 8, 9, 10, 11))
	h.room.leave(&away.member)
	if got, expected := h.finish(); got != (result.Faults{Lost: 2}) || expected != 12+12+5 {
		t.Errorf("got %+v of %d, want 2 lost of %d", got, expected, 12+12+5)
	}
}

// Who comes back goes on where it was, whether it is given what was said meanwhile or not.
func TestOneThatComesBackGoesOnWhereItWas(t *testing.T) {
	for _, tt := range []struct {
		name string
		back []int
		want result.Faults
	}{
		{"with all it missed", upTo(12)[5:], result.Faults{}},
		{"without one of it", without(upTo(12)[5:], 7), result.Faults{Lost: 1}},
		{"with one again", upTo(12)[4:], result.Faults{Duplicated: 1}},
		{"with nothing of it", []int{11}, result.Faults{Lost: 6}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHall(t, 3, 1)
			h.sent(12)
			h.hears(0, h.wire(upTo(12)...))
			h.hears(1, h.wire(upTo(12)...))
			h.hears(2, h.wire(upTo(5)...))
			from := h.conns[2]
			from.position = &position{}
			if !from.part() {
				t.Fatal("it was not a member")
			}
			c := &conn{poller: h.poller, room: h.room, handshake: newHandshake("", "")}
			c.follow(from)
			h.poller.opened(c, nil, 0)
			h.conns[2] = c
			h.hears(2, h.wire(tt.back...))
			if got, expected := h.finish(); got != tt.want || expected != 36 {
				t.Errorf("got %+v of %d, want %+v of 36", got, expected, tt.want)
			}
		})
	}
}

func TestPositionIsReadFromAnswers(t *testing.T) {
	centrifugo, err := ProtocolNamed("centrifugo")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		answer string
		want   position
		ok     bool
	}{
		{`{"id":2,"subscribe":{"recoverable":true,"epoch":"xyz","offset":17,"positioned":true}}`, position{17, "xyz"}, true},
		{`{"id":2,"subscribe":{"recoverable":true,"epoch":"xyz","positioned":true}}`, position{0, "xyz"}, true},
		{`{"id":2,"subscribe":{"epoch":"","offset":17}}`, position{}, false},
		{`{"id":2,"subscribe":{"epoch":"without an end`, position{}, false},
		{`{"id":2,"subscribe":{}}`, position{}, false},
		{``, position{}, false},
	} {
		if got, ok := centrifugo.Resume.position([]byte(tt.answer)); ok != tt.ok || ok && got != tt.want {
			t.Errorf("%s: got %+v, %v, want %+v, %v", tt.answer, got, ok, tt.want, tt.ok)
		}
	}
}
