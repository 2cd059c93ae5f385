package agent

import (
	"slices"
	"testing"

	"github.com/throng-chat/throng/bench/result"
)

// A member that is away at the end has lost only the messages that it missed before it left.
func TestAMemberAwayAtTheEndLosesNothingSince(t *testing.T) {
	h := newHall(t, 3, 1)
	h.sent(12)
	h.receives(0, h.wire(upTo(5)...))
	h.receives(1, h.wire(upTo(5)...))
	h.receives(2, h.wire(0, 1, 3, 4)) // 2 is lost
	away := h.conns[2]
	away.position = &position{}
	if !away.part() {
		t.Fatal("it was not a member")
	}
	h.receives(0, h.wire(6, 7, 8, 9, 10, 11)) // 5 is unordered: the member at its place is away
	h.receives(1, h.wire(5, 6, 7, 8, 9, 10, 11))
	h.room.leave(&away.member)
	if got, expected := h.finish(); got != (result.Faults{Lost: 2}) || expected != 12+12+5 {
		t.Errorf("got %+v of %d, want 2 lost of %d", got, expected, 12+12+5)
	}
}

// A returning client continues at its position, whether the server recovers its missed messages or not.
func TestAReturningMemberContinuesAtItsPosition(t *testing.T) {
	for _, tt := range []struct {
		name string
		back []int
		want result.Faults
	}{
		{"all are recovered", upTo(12)[5:], result.Faults{}},
		{"one is not recovered", without(upTo(12)[5:], 7), result.Faults{Lost: 1}},
		{"one is a duplicate", upTo(12)[4:], result.Faults{Duplicated: 1}},
		{"none is recovered", []int{11}, result.Faults{Lost: 6}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHall(t, 3, 1)
			h.sent(12)
			h.receives(0, h.wire(upTo(12)...))
			h.receives(1, h.wire(upTo(12)...))
			h.receives(2, h.wire(upTo(5)...))
			from := h.conns[2]
			from.position = &position{}
			if !from.part() {
				t.Fatal("it was not a member")
			}
			c := &conn{poller: h.poller, room: h.room, handshake: newHandshake("", &Plan{})}
			c.follow(from)
			h.poller.opened(c, nil, 0)
			h.conns[2] = c
			h.receives(2, h.wire(tt.back...))
			if got, expected := h.finish(); got != tt.want || expected != 36 {
				t.Errorf("got %+v of %d, want %+v of 36", got, expected, tt.want)
			}
		})
	}
}

// Messages that the server reported as missed are not lost. Messages that the client loses before and after that gap are.
func TestAReportedGapIsNotLost(t *testing.T) {
	for _, tt := range []struct {
		name           string
		before         []int // received before it leaves, of 0 to 4
		others         []int // received by the others before it returns
		back           []int // received by it after that
		late           []int // received by the others after that
		lost, reported int
	}{
		{name: "nothing is recovered", before: upTo(5), others: upTo(12), back: []int{12}, late: []int{12}, reported: 7},
		{name: "the end of the gap is received", before: upTo(5), others: upTo(12), back: []int{10, 11, 12}, late: []int{12}, reported: 5},
		{name: "one lost before", before: []int{0, 1, 3, 4}, others: upTo(12), back: []int{12}, late: []int{12}, lost: 1, reported: 7},
		{name: "one lost after", before: upTo(5), others: upTo(12), back: []int{12, 14}, late: []int{12, 13, 14}, lost: 1, reported: 7},
		{name: "all lost after", before: upTo(5), others: upTo(12), late: []int{12, 13}, lost: 2, reported: 7},
		{name: "it is the first receiver after the gap", before: upTo(5), others: upTo(10), back: []int{12}, late: []int{10, 11, 12}, reported: 7},
		{name: "it is always the first receiver", before: upTo(5), others: upTo(5), back: []int{12}, late: without(upTo(13), 0)[4:], reported: 7},
		{name: "nothing was missed", before: upTo(5), others: upTo(5), back: []int{5}, late: []int{5}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHall(t, 3, 1)
			h.sent(15)
			received := max(len(tt.others), 5)
			h.receives(0, h.wire(tt.others...))
			h.receives(1, h.wire(tt.others...))
			h.receives(2, h.wire(tt.before...))
			from := h.conns[2]
			from.position = &position{}
			if !from.part() {
				t.Fatal("it was not a member")
			}
			from.member.anomalies.left = 500
			c := &conn{poller: h.poller, room: h.room, handshake: newHandshake("", &Plan{})}
			c.follow(from)
			h.poller.opened(c, nil, 0)
			h.room.reportGap(&c.member, 1012) // message n is scheduled at 1000+n
			h.conns[2] = c
			h.receives(2, h.wire(tt.back...))
			h.receives(0, h.wire(tt.late...))
			h.receives(1, h.wire(tt.late...))
			end := max(received, 1+slices.Max(append(tt.late, tt.back...)))
			h.check.sent[0].Store(uint32(end))
			got := h.check.finish([]*member{&h.conns[0].member, &h.conns[1].member, &c.member})
			if got.Faults != (result.Faults{Lost: tt.lost}) || got.Reported != uint64(tt.reported) {
				t.Errorf("got %+v, %d reported, want %d lost and %d reported", got.Faults, got.Reported, tt.lost, tt.reported)
			}
			if n := got.Needed; n.Messages != uint64(received-5) || n.Age != 512 {
				t.Errorf("got a history of %+v, want %d messages for 512 ns", n, received-5)
			}
		})
	}
}

func TestPositionIsParsedFromResponses(t *testing.T) {
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
		if got := centrifugo.joinReply([]byte(tt.answer)); got.positioned != tt.ok || tt.ok && got.position != tt.want {
			t.Errorf("%s: got %+v, want %+v, %v", tt.answer, got, tt.want, tt.ok)
		}
	}
}
