package server

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/centrifugal/fdelta"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/testkit"
)

// mixedMember is an SDK client that joins rooms with and without deltas, and checks each publication.
type mixedMember struct {
	*keeperSDK
	in   map[string]*mixedRoom // by name
	seen struct{ deltas, compressed int }
}

// mixedRoom is the membership of a client in a room.
type mixedRoom struct {
	delta bool     // the client asked for deltas
	last  []byte   // data of the last publication
	want  []string // data of the next ones
}

// dialMixed connects a client. An empty offer is a client without compression.
func dialMixed(t *testing.T, s *Server, offer string) *mixedMember {
	t.Helper()
	var over *client
	if offer == "" {
		over = dialSDK(t, s, "").client
	} else {
		over = dialDeflate(t, s, chat.SessionPath, offer)
	}
	return &mixedMember{keeperSDK: connectKeeperOn(over, ""), in: map[string]*mixedRoom{}}
}

// alone reports whether throng must compress each message for the client by itself.
func (m *mixedMember) alone() bool {
	for _, r := range m.in {
		if r.delta {
			return true
		}
	}
	return len(m.in) > 1
}

// command sends a command and checks the publications before its reply.
func (m *mixedMember) command(format string, args ...any) {
	m.t.Helper()
	m.id++
	m.send(1, fmt.Sprintf(`{"id":%d,`, m.id)+fmt.Sprintf(format, args...)+"}")
	for {
		for len(m.lines) == 0 {
			msg, err := m.nextExceptPings()
			if err != nil {
				m.t.Fatalf("got %v, want the reply to command %d", err, m.id)
			}
			if msg.Compressed {
				m.seen.compressed++
				if m.alone() {
					m.inflate(msg) // fails the test unless the message is complete by itself
				}
			}
			m.lines = strings.Split(strings.TrimSuffix(m.read(msg), "\n"), "\n")
		}
		line := m.lines[0]
		m.lines = m.lines[1:]
		if m.check(line) {
			return
		}
	}
}

// check reads a line. It returns true for the reply to the last command.
func (m *mixedMember) check(line string) (replied bool) {
	m.t.Helper()
	var reply struct {
		ID    int
		Error json.RawMessage
		Push  struct {
			Channel string
			Pub     *struct {
				Data  json.RawMessage
				Delta bool
			}
		}
	}
	if err := json.Unmarshal([]byte(line), &reply); err != nil || reply.Error != nil {
		m.t.Fatalf("got %s, %v", line, err)
	}
	if pub := reply.Push.Pub; pub != nil {
		r := m.in[reply.Push.Channel]
		if r == nil || len(r.want) == 0 || pub.Delta && !r.delta {
			m.t.Fatalf("got %s, want no such publication (%+v)", line, r)
		}
		data := []byte(pub.Data)
		if r.delta { // the data is in a JSON string
			var text string
			if err := json.Unmarshal(data, &text); err != nil {
				m.t.Fatalf("got %s: %v", line, err)
			}
			data = []byte(text)
		}
		if pub.Delta {
			m.seen.deltas++
			full, err := fdelta.Apply(r.last, data)
			if err != nil {
				m.t.Fatalf("the delta %s does not apply to %.60s: %v", line, r.last, err)
			}
			data = full
		}
		if string(data) != r.want[0] {
			m.t.Fatalf("got %.80s, want %.80s", data, r.want[0])
		}
		r.last, r.want = data, r.want[1:]
	}
	return reply.ID == m.id
}

// toggle joins a room, with deltas or without, or leaves it.
func (m *mixedMember) toggle(room string, delta bool) {
	m.t.Helper()
	if m.in[room] != nil {
		m.command(`"unsubscribe":{"channel":%q}`, room)
		m.complete(room)
		delete(m.in, room)
		return
	}
	kind := ""
	if delta {
		kind = "fossil"
	}
	m.command(`"subscribe":{"channel":%q,"delta":%q}`, room, kind)
	m.in[room] = &mixedRoom{delta: delta}
}

// complete fails the test if publications of a room are missing.
func (m *mixedMember) complete(room string) {
	m.t.Helper()
	if r := m.in[room]; r != nil && len(r.want) > 0 {
		m.t.Fatalf("%d publications of %s are missing, the first is %.60s", len(r.want), room, r.want[0])
	}
}

// Members with deltas and members without share a room. Each client gets what was published, whatever it joins, and a client with deltas is sent no
// message that refers to the context of the others.
func TestDeltasNeverShareAContext(t *testing.T) {
	t.Parallel()
	o := chat.DefaultRoom()
	o.Delta = true
	const withContext, withoutContext = "permessage-deflate; client_max_window_bits", "permessage-deflate; server_no_context_takeover"
	for seed := range uint64(testkit.Share(3)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := startServer(t, func(c *Config) { c.Rooms, c.Rate = []chat.RoomOptions{o}, 0 })
			var members []*mixedMember
			var plain []*keeper
			for range len(s.sessions.Shards) {
				for i, offer := range []string{withContext, withContext, withContext, withContext, withContext, withContext, withContext, withContext, withoutContext, withoutContext, "", ""} {
					m := dialMixed(t, s, offer)
					m.toggle("x", i%4 == 3)
					members = append(members, m)
				}
				for range 5 {
					plain = append(plain, dialKeeper(t, s, "x"))
				}
			}
			r := rand.New(rand.NewPCG(seed, 16))
			var texts []string
			last := chatJSON(0, 400)
			for i := range 500 {
				m := members[r.IntN(len(members))]
				switch k := r.IntN(20); {
				case k < 13: // the half of it is that of the one before, so it has a delta
					room, data := "x", fmt.Sprintf(`{"n":%d,"old":%s,"new":%s}`, i, last, chatJSON(i, 200+r.IntN(600)))
					if k == 0 {
						room = "y"
					}
					publishText(s, room, data)
					for _, m := range members {
						if in := m.in[room]; in != nil {
							in.want = append(in.want, data)
						}
					}
					if room == "x" {
						texts = append(texts, data)
					}
				case k < 15:
					last = chatJSON(i, 400)
				case k < 18:
					m.toggle("x", r.IntN(3) == 0)
				case k < 19:
					m.toggle("y", r.IntN(2) == 0)
				default:
					m.command(`"unsubscribe":{"channel":"none"}`)
				}
			}
			deltas, compressed := 0, 0
			for _, m := range members {
				m.command(`"unsubscribe":{"channel":"none"}`)
				m.complete("x")
				m.complete("y")
				if deltas += m.seen.deltas; m.seen.deltas > 0 {
					compressed += m.seen.compressed
				}
			}
			for _, k := range plain {
				for _, text := range texts {
					k.expectText(text)
				}
			}
			if shared := testutil.ToFloat64(s.metrics.CompressionShared); shared == 0 || deltas == 0 || compressed == 0 {
				t.Errorf("got %v messages with a context, %d deltas, %d compressed messages of their receivers; want some of each", shared, deltas, compressed)
			}
		})
	}
}

// publishText publishes data by the application.
func publishText(s *Server, room, data string) {
	s.sessions.Publish(s.sessions.RoomRef(room), chat.Publication{Data: []byte(data), Form: chat.FormJSON}, chat.PublishOptions{})
}
