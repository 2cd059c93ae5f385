package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/admin"
	"github.com/throng-chat/throng/server/audit"
	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/metrics"
)

// A reload while the server reads its log at a start does not wait for the end. The rooms that the replay has created and those that it creates
// later get the new options, and the log has the same publications for them.
func TestAReloadDuringTheReplayOfAStart(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	s, node := startDurable(t, fake, durableRoom("d*"))
	const published = 20
	for n := range published {
		for _, room := range []string{"d1", "d2"} {
			call(t, s, "publish", fmt.Sprintf(`{"channel":%q,"data":%d}`, room, n))
		}
	}
	_, before, _ := s.sessions.Read("d1", nil, -1, 1<<20, false)
	first, records := fake.Records(0)
	fake.Kill(node)

	var again *Server
	next, result := Config{}, admin.Reload{}
	engine := brokertest.OnReplay(fake.Start("a"), func(seq uint64) error {
		if seq != first+uint64(len(records))/2 {
			return nil
		}
		reloaded := make(chan admin.Reload, 1)
		go func() { reloaded <- again.Reload(audit.Actor{Type: audit.BySignal, Name: "SIGHUP"}) }()
		select {
		case result = <-reloaded:
		case <-time.After(testTimeout):
			t.Error("the reload waits for the replay")
		}
		return nil
	})
	startPrepared(t, func(c *Config) {
		c.Engine, c.API.Key = engine, strings.Repeat("k", minSecret)
		c.Rooms = append(c.Rooms, durableRoom("d*"))
	}, func(s *Server) {
		again, next = s, s.reloads.config.clone()
		next.Rooms[0].HistorySize, next.Rate = 5, 7
		s.SetLoader(Loader{Load: func() (Config, error) { return next, nil }})
	})
	if result.Result != metrics.ReloadApplied {
		t.Fatalf("got %+v, want the settings applied", result)
	}
	for _, room := range []string{"d1", "d2"} {
		pubs, at, _ := again.sessions.Read(room, nil, -1, 1<<20, false)
		if len(pubs) != 5 || string(pubs[4].Data) != fmt.Sprint(published-1) || at != before {
			t.Errorf("%s: got %d publications at %v, want the newest 5 at %v", room, len(pubs), at, before)
		}
		if got := call(t, again, "publish", fmt.Sprintf(`{"channel":%q,"data":1}`, room)); !strings.Contains(got, fmt.Sprintf(`"offset":%d`, published+1)) {
			t.Errorf("%s: got %s, want offset %d", room, got, published+1)
		}
	}
}
