package session

import (
	"fmt"
	"testing"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/ws"
)

// A long reply is encoded in parts, and has the same content as a short one.
func TestALongPresenceReplyEqualsAShortOne(t *testing.T) {
	for _, members := range []int{0, 1, 2, 3 * YieldEvery} {
		infos := fullRoom(members).Snapshot()
		if members > 1 {
			infos[1] = &chat.ClientInfo{Client: `"<odd>"`, ChanInfo: []byte(`[1]`)}
		}
		want := presenceByClient(infos)
		for _, e := range []Encoding{JSONEncoding, ProtobufEncoding} {
			q := BulkQuery{Kind: presenceQuery, JSON: e.isJSON()}
			r := &SharedReply{Body: encodePresence(nil, q.JSON, infos)}
			var d ws.Decoder
			m, _, err := d.Next(&ws.Rules{MaxMessage: 16 << 20, MaxFragments: 1, FromServer: true}, append(r.Head(q, 7), r.Body...))
			if err != nil || m.Op != e.opcode() {
				t.Fatalf("%d members, encoding %d: got frame %v, %v", members, e, m.Op, err)
			}
			decoder := protocol.ReplyDecoder(protocol.NewJSONReplyDecoder(m.Payload))
			if e == ProtobufEncoding {
				decoder = protocol.NewProtobufReplyDecoder(m.Payload)
			}
			reply, err := decoder.Decode()
			if err != nil {
				t.Fatal(err)
			}
			got := reply.Presence.Presence
			if reply.Id != 7 || len(got) != len(want) {
				t.Errorf("%d members, encoding %d: got id %d and %d members", members, e, reply.Id, len(got))
			}
			for client, info := range want {
				if got[client] == nil || string(got[client].AppendJSON(nil)) != string(info.AppendJSON(nil)) {
					t.Errorf("%d members, encoding %d: got %v for %q, want %v", members, e, got[client], client, info)
				}
			}
		}
	}
}

// The estimated size of a presence reply follows each join and leave, and matches the real size.
func TestTheSizeOfAPresenceReplyIsExact(t *testing.T) {
	p := &chat.Presence{}
	var subs []*chat.PresenceEntry
	for n := range 100 {
		sub := &chat.PresenceEntry{Info: &chat.ClientInfo{User: fmt.Sprint(n), Client: fmt.Sprintf("%032x", n), ConnInfo: []byte(`{"name":"somebody"}`)}}
		p.Add(sub)
		subs = append(subs, sub)
	}
	if made := len(encodePresence(nil, true, p.Snapshot())); p.Bytes < made/2 || p.Bytes > 2*made {
		t.Errorf("got %d bytes estimated, want about %d", p.Bytes, made)
	}
	for _, sub := range subs {
		sub.Info = &chat.ClientInfo{User: sub.Info.User, Client: sub.Info.Client, ConnInfo: []byte(`{"name":"another"}`)} // after a refresh of its token
		p.Remove(sub)
	}
	if p.Bytes != 0 {
		t.Errorf("got %d bytes of an empty presence", p.Bytes)
	}
}
