package agent

import (
	"strings"
	"testing"

	"github.com/centrifugal/protocol"
)

// published returns the publication at an offset.
func published(offset uint64) *protocol.Publication {
	return &protocol.Publication{Data: []byte(`{"text":"x"}`), Info: &protocol.ClientInfo{User: "ann", ConnInfo: []byte(`{}`)}, Offset: offset}
}

func pushed(offset uint64) *protocol.Reply {
	return &protocol.Reply{Push: &protocol.Push{Channel: "bench", Pub: published(offset)}}
}

func TestProtobufJoinsAreRight(t *testing.T) {
	p := protobuf(t)
	for _, room := range []string{"a", strings.Repeat("r", 128)} {
		join := decode(t, []byte(withLengths(fill(p.Resume.Join, room)))).Subscribe
		if join == nil || join.Channel != room || !join.Recoverable || join.Recover {
			t.Errorf("the join: got %v", join)
		}
		for _, at := range []position{{0, "dawn"}, {127, "dawn"}, {128, "d"}, {123<<7 | 123, strings.Repeat("e", maxEpoch)}, {1<<64 - 1, "dawn"}} {
			c := decode(t, []byte(withLengths(fill(p.rejoin(&at), room))))
			if s := c.Subscribe; c.Id != 2 || s == nil || s.Channel != room || !s.Recoverable || !s.Recover || s.Offset != at.offset || s.Epoch != at.epoch {
				t.Errorf("the return to %+v: got %v", at, c)
			}
		}
	}
}

func TestPositionIsReadFromRepliesInProtobuf(t *testing.T) {
	p := protobuf(t)
	for name, tt := range map[string]struct {
		result *protocol.SubscribeResult
		want   joinReply
	}{
		"a room with messages":    {&protocol.SubscribeResult{Recoverable: true, Epoch: "xyz", Offset: 1 << 40, Positioned: true}, joinReply{position{1 << 40, "xyz"}, true, false}},
		"a room without messages": {&protocol.SubscribeResult{Recoverable: true, Epoch: "xyz", Positioned: true}, joinReply{position{0, "xyz"}, true, false}},
		"a room without history":  {&protocol.SubscribeResult{}, joinReply{}},
		"a long epoch":            {&protocol.SubscribeResult{Epoch: strings.Repeat("e", maxEpoch+1), Offset: 17}, joinReply{}},
		"all recovered": {
			&protocol.SubscribeResult{Epoch: "xyz", Offset: 7, Recovered: true, WasRecovering: true, Publications: []*protocol.Publication{published(8), published(9)}},
			joinReply{position{7, "xyz"}, true, true},
		},
		"not recovered": {&protocol.SubscribeResult{Epoch: "xyz", Offset: 9, WasRecovering: true}, joinReply{position{9, "xyz"}, true, false}},
	} {
		b := replies(t, pushed(3), &protocol.Reply{Id: 2, Subscribe: tt.result}, pushed(10), pushed(11))
		answer, live := p.answer(b)
		if got := p.joinReply(answer); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", name, got, tt.want)
		}
		if want := replies(t, pushed(10), pushed(11)); string(live) != string(want) {
			t.Errorf("%s: got the live messages %q, want %q", name, live, want)
		}
		offset, ok := p.lastOffset(answer, nil)
		if want := name == "all recovered"; ok != want || ok && offset != 9 {
			t.Errorf("%s: got the offset %d, %v of the last recovered publication", name, offset, ok)
		}
	}
}

func TestTheLastOffsetIsReadFromPushesInProtobuf(t *testing.T) {
	p := protobuf(t)
	presence := &protocol.Reply{Push: &protocol.Push{Channel: "bench", Join: &protocol.Join{Info: &protocol.ClientInfo{User: "ann"}}}}
	for name, tt := range map[string]struct {
		message []byte
		want    uint64
		ok      bool
	}{
		"one":                  {replies(t, pushed(5)), 5, true},
		"several":              {replies(t, pushed(5), pushed(1<<40)), 1 << 40, true},
		"and a reply":          {replies(t, pushed(5), pushed(6), &protocol.Reply{Id: 3, Publish: &protocol.PublishResult{}}), 6, true},
		"and a ping":           {replies(t, pushed(5), &protocol.Reply{}), 5, true},
		"and a member":         {replies(t, pushed(5), presence), 5, true},
		"a member":             {replies(t, presence), 0, false},
		"a room without order": {replies(t, pushed(0)), 0, false},
		"nothing":              {nil, 0, false},
	} {
		if got, ok := p.lastOffset(tt.message, nil); got != tt.want || ok != tt.ok {
			t.Errorf("%s: got %d, %v, want %d, %v", name, got, ok, tt.want, tt.ok)
		}
	}
}

// A reply may be cut or altered by a server that breaks the protocol.
func TestABrokenReplyInProtobufHasNoPosition(t *testing.T) {
	p := protobuf(t)
	whole := replies(t, &protocol.Reply{Id: 2, Subscribe: &protocol.SubscribeResult{Epoch: "xyz", Offset: 17, Publications: []*protocol.Publication{published(17)}}})
	for n := range whole {
		answer, _ := p.answer(whole[:n])
		if got := p.joinReply(answer); got.positioned {
			t.Errorf("%d of %d bytes: got %+v", n, len(whole), got)
		}
		for b := range 256 {
			broken := append(append(append([]byte{}, whole[:n]...), byte(b)), whole[n+1:]...)
			answer, _ := p.answer(broken)
			_ = p.joinReply(answer)
			_, _ = p.lastOffset(broken, nil)
		}
	}
}
