package server

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/metrics"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/ws"
)

// silentSession returns a connected session without a socket. Its output stays in the inbox of its shard.
func silentSession(e session.Encoding) *session.Session {
	cfg := DefaultConfig()
	cfg.Rate = 0
	o := chat.DefaultRoom()
	o.HistorySize, o.HistoryTTL, o.Recovery, o.JoinLeave, o.Delta = 10, time.Minute, true, true, true
	cfg.Rooms = []chat.RoomOptions{o}
	h := newHub(cfg, slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), nil, 1)
	h.Heartbeat = fanout.NewHeartbeat(&h.Core, cfg.PingInterval, cfg.PingTimeout)
	h.Tokens = noTokens
	c := &fanout.Conn{Shard: h.Shards[0], ID: 1}
	s := &session.Session{Conn: c, Sessions: h, Encoding: e, State: session.Connected}
	s.Identity.Store(&chat.ClientInfo{User: "u", Client: "c"})
	c.Handler = s
	s.User, _, _ = h.AddUser(s, "u", nil)
	return s
}

// FuzzCommands passes any bytes to a session as a frame. The session must not panic, and its memory is bounded by the size of the frame, for
// any lengths declared in it.
func FuzzCommands(f *testing.F) {
	for _, frame := range []string{
		`{}`, `{"id":1,"connect":{}}`, `{"id":2,"subscribe":{"channel":"a","recover":true,"offset":3,"epoch":"x","delta":"fossil","flag":3}}`,
		`{"id":3,"subscribe":{"channel":"a","token":"a.b.c"}}`, `{"id":4,"publish":{"channel":"a","data":{"x":[1,"é"]}}}`,
		`{"id":5,"history":{"channel":"a","limit":-1,"reverse":true,"since":{"offset":18446744073709551615,"epoch":""}}}`,
		`{"id":6,"presence":{"channel":"a"}}` + "\n" + `{"id":7,"presence_stats":{"channel":"a"}}` + "\n" + `{"id":8,"unsubscribe":{"channel":"a"}}`,
		`{"id":9,"refresh":{"token":"x"}}`, `{"id":10,"sub_refresh":{"channel":"a","token":"x"}}`, `{"id":11,"rpc":{"method":"m","data":1}}`, `{"send":{"data":null}}`,
		`{"id":12,"id":13,"publish":{"channel":"a","channel":"b","data":1,"data":2}}`, `{"id":1e9}`, `{"id":-1}`, `[`, `"`, "\xff", "\n\n",
		`{"id":14,"publish":{"channel":"a","data":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}}`,
		`{"id":15,"subscribe":{"channel":"a","tf":` + strings.Repeat(`{"nodes":[`, 2000) + strings.Repeat("]}", 2000) + `}}`,
	} {
		f.Add(false, []byte(frame))
	}
	for _, cmd := range []*protocol.Command{
		{Id: 1, Connect: &protocol.ConnectRequest{}},
		{Id: 2, Subscribe: &protocol.SubscribeRequest{Channel: "a", Recover: true, Delta: "fossil"}},
		{Id: 3, Publish: &protocol.PublishRequest{Channel: "a", Data: []byte("\x00\xff")}},
		{Id: 4, History: &protocol.HistoryRequest{Channel: "a", Limit: -1}},
		{Send: &protocol.SendRequest{Data: []byte("x")}},
		{},
	} {
		b, err := cmd.MarshalCF()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(true, append(binary.AppendUvarint(nil, uint64(len(b))), b...))
	}
	f.Add(true, binary.AppendUvarint(nil, 1<<63))
	f.Add(true, []byte{6, 0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f}) // a publish of 4 GiB, in six bytes

	f.Fuzz(func(t *testing.T, binary bool, frame []byte) {
		if len(frame) > 64<<10 {
			return
		}
		e := session.JSONEncoding
		if binary {
			e = session.ProtobufEncoding
		}
		s := silentSession(e)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		s.OnMessage(ws.OpText, frame, s.Sessions.Clock.Now())
		runtime.ReadMemStats(&after)
		if took, most := after.TotalAlloc-before.TotalAlloc, uint64(64<<10+400*len(frame)); took > most {
			t.Errorf("a frame of %d bytes took %d bytes, want %d at most", len(frame), took, most)
		}
		budget := fanout.DeltaBudget
		for _, j := range s.Sessions.Shards[0].Inbox {
			if j.Do == fanout.SendReply {
				j.Reply.AppendFrame(nil, nil, &budget)
			}
			if j.Do == fanout.Deliver {
				for e := range session.Encodings {
					_ = j.Message.Frame(fanout.Format(e), &budget)
					_ = j.Message.Full(fanout.Format(e), &budget)
				}
			}
		}
	})
}

// The nesting of a publication is bounded, so that the parsers of the members can handle it.
func TestDeepJSONIsRejected(t *testing.T) {
	t.Parallel()
	open := chat.DefaultRoom()
	open.Publish = chat.Anyone
	s := startBackend(t, open)
	c := connectSDK(t, s, "")
	for depth, want := range map[int]string{session.MaxDepth: `"publish":{}`, session.MaxDepth + 1: `"error":{"code":107,"message":"bad request"}`} {
		c.sendLine(`{"id":%d,"publish":{"channel":"x","data":%s%s}}`, depth, strings.Repeat("[", depth), strings.Repeat("]", depth))
		c.expectLine(fmt.Sprintf(`{"id":%d,%s}`, depth, want))
	}
}

// A command outlives its frame, whose bytes the next frame overwrites. So no part of it may be a slice of the frame.
func TestACommandIsACopyOfItsFrame(t *testing.T) {
	for _, e := range []session.Encoding{session.JSONEncoding, session.ProtobufEncoding} {
		s := silentSession(e)
		want := &protocol.Command{Id: 1, Subscribe: &protocol.SubscribeRequest{Channel: "room", Token: "token", Epoch: "epoch", Data: []byte(`"data"`)}}
		frame := want.AppendJSON(nil)
		if e == session.ProtobufEncoding {
			b, err := want.MarshalCF()
			if err != nil {
				t.Fatal(err)
			}
			frame = append(binary.AppendUvarint(nil, uint64(len(b))), b...)
		}
		got, _, ok := s.NextCommand(frame)
		if !ok {
			t.Fatal("the command was not read")
		}
		for i := range frame {
			frame[i] = 'X'
		}
		if string(got.AppendJSON(nil)) != string(want.AppendJSON(nil)) {
			t.Errorf("encoding %d: got %s when its frame was overwritten, want %s", e, got.AppendJSON(nil), want.AppendJSON(nil))
		}
	}
}
