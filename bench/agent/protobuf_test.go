package agent

import (
	"bytes"
	"strings"
	"testing"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/ws"
)

// protobuf returns the protocol as an agent has it, without its name.
func protobuf(t *testing.T) *Protocol {
	t.Helper()
	p, err := ProtocolNamed("centrifugo-protobuf")
	if err != nil {
		t.Fatal(err)
	}
	return &p
}

// decode reads one command with the library of the protocol's authors.
func decode(t *testing.T, b []byte) *protocol.Command {
	t.Helper()
	d := protocol.NewProtobufCommandDecoder(b)
	c, err := d.Decode()
	if c == nil {
		t.Fatalf("%q: %v", b, err)
	}
	return c
}

// The lengths of nested parts depend on the room and on the message: 127 and 128 bytes have lengths of one and of two bytes.
func TestProtobufCommandsAreRight(t *testing.T) {
	p := protobuf(t)
	for _, room := range []string{"a", strings.Repeat("r", 127), strings.Repeat("r", 128)} {
		for _, size := range []int{40, 90, 128, 20_000} {
			text := strings.Repeat("x", size)
			before, after := p.wrapping(room, size)
			c := decode(t, []byte(before+text+after))
			if c.Id != 3 || c.Publish == nil || c.Publish.Channel != room || string(c.Publish.Data) != `{"text":"`+text+`"}` {
				t.Errorf("room of %d bytes, text of %d: got %.100v", len(room), size, c)
			}
		}
		c := decode(t, []byte(withLengths(fill(p.Steps[1].Send, room))))
		if c.Id != 2 || c.Subscribe == nil || c.Subscribe.Channel != room {
			t.Errorf("got %v", c)
		}
	}
	if c := decode(t, []byte(withLengths(p.Steps[0].Send))); c.Id != 1 || c.Connect == nil {
		t.Errorf("got %v", c)
	}
	asText, err := p.AsText()
	if err != nil {
		t.Fatal(err)
	}
	before, after := asText.wrapping("a", 40)
	if c := decode(t, []byte(before+strings.Repeat("x", 40)+after)); c.Publish == nil || string(c.Publish.Data) != `"`+strings.Repeat("x", 40)+`"` {
		t.Errorf("as text: got %v", c)
	}
	with, err := p.WithToken("a.b.c")
	if err != nil {
		t.Fatal(err)
	}
	if c := decode(t, []byte(withLengths(with.Steps[0].Send))); c.Id != 1 || c.Connect.Token != "a.b.c" {
		t.Errorf("got %v", c)
	}
	if c := decode(t, []byte(p.Pong)); c.Id != 0 || c.Connect != nil {
		t.Errorf("the pong: got %v", c)
	}
}

// replies returns the message of a server.
func replies(t *testing.T, list ...*protocol.Reply) []byte {
	t.Helper()
	e := protocol.NewProtobufDataEncoder()
	for _, r := range list {
		b, err := protocol.NewProtobufReplyEncoder().Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Encode(b); err != nil {
			t.Fatal(err)
		}
	}
	return bytes.Clone(e.Finish())
}

func TestProtobufRepliesAreRecognized(t *testing.T) {
	p := protobuf(t)
	connected, subscribed := &protocol.Reply{Id: 1, Connect: &protocol.ConnectResult{Client: "c", Ping: 25, Pong: true}}, &protocol.Reply{Id: 2, Subscribe: &protocol.SubscribeResult{}}
	publication := &protocol.Reply{Push: &protocol.Push{Channel: "bench", Pub: &protocol.Publication{Data: []byte(`{"text":"x"}`), Offset: 1 << 40}}}
	for name, tt := range map[string]struct {
		message                        []byte
		connects, joins, refuses, ping bool
	}{
		"connected":              {replies(t, connected), true, false, false, false},
		"subscribed, in a batch": {replies(t, publication, subscribed, publication), false, true, false, false},
		"refused":                {replies(t, &protocol.Reply{Id: 2, Error: &protocol.Error{Code: 103, Message: "permission denied"}}), false, false, true, false},
		"a ping":                 {replies(t, &protocol.Reply{}), false, false, false, true},
		"a ping in a batch":      {replies(t, publication, &protocol.Reply{}), false, false, false, true},
		"a publication":          {replies(t, publication), false, false, false, false},
		"half a message":         {replies(t, publication)[:9], false, false, false, false},
	} {
		got := struct{ connects, joins, refuses, ping bool }{
			matches(tt.message, p.Steps[0].Expect), matches(tt.message, p.Steps[1].Expect), matches(tt.message, p.Steps[1].Refused), p.pinged(tt.message),
		}
		if want := struct{ connects, joins, refuses, ping bool }{tt.connects, tt.joins, tt.refuses, tt.ping}; got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
	if p.op() != ws.OpBinary || Protocols[0].op() != ws.OpText {
		t.Error("got the wrong opcodes")
	}
}
