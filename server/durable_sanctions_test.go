package server

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/edge"
)

// Sanctions, their ends and their removals hold over a restart.
func TestSanctionsSurviveARestart(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	s, node := startDurable(t, fake)
	until := time.Now().Add(time.Hour).Unix()
	for _, c := range [][2]string{
		{"ban", `{"user":"eve","channel":"r","reason":"洗版: \"stop\""}`},
		{"ban", fmt.Sprintf(`{"user":"eve","until":%d}`, until)},
		{"ban", `{"user":"bob"}`}, {"unban", `{"user":"bob"}`},
		{"mute", `{"user":"joe","channel":"a room: \"x\" 房"}`},
		{"mute", `{"user":"ann","seconds":50}`}, {"mute", `{"user":"ann"}`}, // the later one counts
		{"slow_mode", `{"channel":"r","seconds":30}`},
		{"slow_mode", `{"channel":"q","seconds":30}`}, {"slow_mode", `{"channel":"q"}`},
		{"revoke", fmt.Sprintf(`{"user":"ann","issued_before":1700000000,"expire_at":%d}`, until)},
		{"revoke", fmt.Sprintf(`{"user":"ann","issued_before":1600000000,"expire_at":%d}`, until-9)}, // the later times count
		{"revoke", `{"user":"joe","jti":"t1"}`},
	} {
		wantCall(t, s, c[0], c[1], `{"result":{}}`)
	}
	before := sanctionsOf(t, s)
	for _, want := range []string{`"until":` + fmt.Sprint(until), `房`, `"reason":"洗版: \"stop\""`, `"slow_mode":{"r":30}`, `"jti":"t1"`, fmt.Sprintf(`"issued_before":1700000000,"expire_at":%d`, until)} {
		if !strings.Contains(before, want) {
			t.Errorf("got %s, want %s in it", before, want)
		}
	}
	if strings.Contains(before, "bob") {
		t.Errorf("got %s, want no ban of bob", before)
	}
	fake.Kill(node)
	again, _ := startDurable(t, fake)
	if got := sanctionsOf(t, again); got != before {
		t.Errorf("after the restart: got\n%s\nwant\n%s", got, before)
	}
}

// sanctionsOf lists the sanctions, in the order of a sorted text.
func sanctionsOf(t *testing.T, s *Server) string {
	t.Helper()
	var lists []string
	for _, user := range []string{"ann", "bob", "eve", "joe"} {
		lists = append(lists, call(t, s, "moderation", fmt.Sprintf(`{"user":%q,"channel":"r"}`, user)), call(t, s, "moderation", fmt.Sprintf(`{"user":%q,"channel":"a room: \"x\" 房"}`, user)))
	}
	return strings.Join(lists, "\n")
}

// A sanction that is not on disk is not acknowledged, and nothing else waits for it.
func TestASanctionIsAcknowledgedWhenItIsOnDisk(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	s, node := startDurable(t, fake)
	fake.Down(true)
	got := call(t, s, "ban", `{"user":"eve"}`)
	if !strings.Contains(got, `"code":100`) || !strings.Contains(got, "retry later") {
		t.Errorf("got %s, want a temporary error", got)
	}
	fake.Down(false)
	eventually(t, "the ban", func() bool { return call(t, s, "ban", `{"user":"eve"}`) == `{"result":{}}` })
	fake.Kill(node)
	again, _ := startDurable(t, fake)
	if got := call(t, again, "moderation", `{"user":"eve"}`); !strings.Contains(got, `"bans":[{"user":"eve"}]`) {
		t.Errorf("got %s, want the ban", got)
	}
}

// A guest with a token of before a restart is the same user after it.
func TestAGuestIsTheSameUserAfterARestart(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	s, node := startDurable(t, fake)
	first, _, err := s.edge.IssueGuestToken(edge.GuestRequest{Name: "Ann"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	fake.Kill(node)
	again, _ := startDurable(t, fake)
	second, _, err := again.edge.IssueGuestToken(edge.GuestRequest{Name: "Anna", Token: first.Token}, time.Now())
	if err != nil || second.User != first.User {
		t.Errorf("got user %q, error %v; want %q", second.User, err, first.User)
	}
	other := startServer(t, nil)
	if _, _, err := other.edge.IssueGuestToken(edge.GuestRequest{Name: "Ann", Token: first.Token}, time.Now()); err == nil {
		t.Error("a server with other keys accepts the token")
	}
}

// failsAtFirst is a storage engine that is not available for the first calls of each kind.
type failsAtFirst struct {
	broker.Engine
	opens, tables atomic.Int32
}

func (f *failsAtFirst) Open(ctx context.Context, shard int) (broker.Log, error) {
	if f.opens.Add(1) <= 2 {
		return nil, fmt.Errorf("open: %w", broker.ErrUnavailable)
	}
	return f.Engine.Open(ctx, shard)
}

func (f *failsAtFirst) Table(ctx context.Context, name string) (broker.Table, error) {
	if f.tables.Add(1)%2 == 1 {
		return nil, fmt.Errorf("table: %w", broker.ErrUnavailable)
	}
	return f.Engine.Table(ctx, name)
}

// The start waits for a storage engine that starts again.
func TestTheStartWaitsForTheStorageEngine(t *testing.T) {
	t.Parallel()
	engine := &failsAtFirst{Engine: newFake(t).Start("a")}
	s := startServer(t, func(c *Config) {
		c.Engine, c.Rooms, c.API.Key = engine, []chat.RoomOptions{durableRoom("d*")}, strings.Repeat("k", minSecret)
	})
	wantCall(t, s, "ban", `{"user":"eve"}`, `{"result":{}}`)
	if got := call(t, s, "publish", `{"channel":"d","data":1}`); !strings.Contains(got, `"offset":1`) {
		t.Errorf("got %s, want offset 1", got)
	}
	if engine.opens.Load() != 3 || engine.tables.Load() != 4 {
		t.Errorf("got %d opens and %d tables, want 3 and 4", engine.opens.Load(), engine.tables.Load())
	}
}
