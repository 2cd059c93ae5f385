package server

import (
	"encoding/json"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/limiter"
)

// mostEvents returns the maximum number of events that a room may send in a time.
func mostEvents(d time.Duration) int {
	return chat.JoinLeaveRate*limiter.BurstSeconds + int(d*chat.JoinLeaveRate/time.Second) + 1
}

// Clients that join and leave without a pause cause no close of a slow member. At the end, all members know the presence.
func TestFlappingClosesNoSlowMember(t *testing.T) {
	o := chat.DefaultRoom()
	o.JoinLeave = true
	s := startServer(t, func(c *Config) { c.Rooms, c.MaxUnsent = []chat.RoomOptions{o}, c.MaxMessage })
	const phones, pairs = 10, 4000
	began := time.Now()
	var all sync.WaitGroup
	var views [phones]map[string]bool
	var mu sync.Mutex
	for i := range phones {
		c := connectSDK(t, s, "")
		c.sendLine(`{"id":2,"subscribe":{"channel":"x"}}`)
		// In this order, so that the first receives the joins of all.
		eventually(t, "it to be in the room", func() bool {
			r, unlock := s.sessions.Rooms.Find("x")
			defer unlock()
			return r != nil && r.Members == i+1
		})
		views[i] = map[string]bool{}
		all.Go(func() { watchSlowly(t, c, &mu, views[i]) })
	}
	flapper := connectSDK(t, s, "")
	for n := 0; n < pairs; n += 50 {
		flapper.sendLine("%s", strings.Repeat(`{"id":2,"subscribe":{"channel":"x"}}`+"\n"+`{"id":3,"unsubscribe":{"channel":"x"}}`+"\n", 50))
		for range 100 {
			flapper.line()
		}
	}
	eventually(t, "all members to know the presence", func() bool {
		mu.Lock()
		defer mu.Unlock()
		for _, view := range views {
			if len(view) < 1 || len(view) > phones {
				return false
			}
		}
		// All earlier members receive the join of the last phone.
		return len(views[0]) == phones
	})
	if n := closesBy(s, fanout.ClosedSlow); n != 0 {
		t.Errorf("got %d slow members closed, want none", n)
	}
	if sent, most := value(t, s, "throng_join_leave_total", "sent"), mostEvents(time.Since(began)); sent > float64(most) {
		t.Errorf("got %v of %d events sent, want %d at most", sent, 2*pairs, most)
	}
	s.sessions.CloseAll()
	all.Wait()
}

// watchSlowly reads about 40 KB/s and tracks the presence, until the connection is closed.
func watchSlowly(t *testing.T, c *sdk, mu *sync.Mutex, view map[string]bool) {
	slow := &phoneReader{c.conn, time.Now(), 0}
	c.reader.Reset(slow)
	for {
		m, err := c.next()
		if err != nil || m.Op != 1 {
			return
		}
		for _, line := range strings.Split(string(m.Payload), "\n") {
			var reply struct {
				Push struct {
					Join, Leave struct{ Info struct{ Client string } }
				}
			}
			if err := json.Unmarshal([]byte(line), &reply); err != nil {
				t.Errorf("%q: %v", line, err)
				return
			}
			mu.Lock()
			if client := reply.Push.Join.Info.Client; client != "" {
				view[client] = true
			}
			delete(view, reply.Push.Leave.Info.Client)
			mu.Unlock()
		}
	}
}

// phoneReader reads 40 KB/s on average.
type phoneReader struct {
	io.Reader
	since time.Time
	read  int
}

func (r *phoneReader) Read(b []byte) (int, error) {
	time.Sleep(time.Until(r.since.Add(time.Duration(r.read) * time.Second / 40_000)))
	n, err := r.Reader.Read(b[:min(len(b), 2048)])
	r.read += n
	return n, err
}
