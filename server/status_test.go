package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/chat"
)

// Others are absent from the reply, whether they exist or not.
func TestStatusIsOfUsersWhoShareARoom(t *testing.T) {
	t.Parallel()
	secret := roomWithHistory("secret")
	secret.SeePresence = chat.Nobody
	s := startAPI(t, rosterRooms("team:*"), secret, roomWithHistory("open"))
	call(t, s, "members_add", `{"channel":"team:a","users":["ann","bob","cleo"]}`)
	call(t, s, "members_add", `{"channel":"team:b","users":["bob","dan"]}`)
	ann, dan, eve := connectSDK(t, s, tokenOf("ann")), connectSDK(t, s, tokenOf("dan")), connectSDK(t, s, tokenOf("eve"))
	const all = `{"users":["ann","bob","cleo","dan","eve","nobody","bob",""]}`
	for _, c := range []struct {
		by   *sdk
		want string
	}{
		{ann, `{"users":{"ann":{"online":true},"bob":{"online":false},"cleo":{"online":false}}}`},
		{dan, `{"users":{"bob":{"online":false},"dan":{"online":true}}}`},
		{eve, `{"users":{"eve":{"online":true}}}`},
	} {
		if got := c.by.rpc("status", all); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}

	// Members of a room know each other if they may see its presence.
	for _, by := range []*sdk{ann, eve} {
		by.enter("secret")
	}
	if got, want := eve.rpc("status", all), `{"users":{"eve":{"online":true}}}`; got != want {
		t.Errorf("in a room without see-presence: got %s, want %s", got, want)
	}
	for _, by := range []*sdk{ann, eve} {
		by.enter("open")
	}
	if got, want := eve.rpc("status", all), `{"users":{"ann":{"online":true},"eve":{"online":true}}}`; got != want {
		t.Errorf("in a common room: got %s, want %s", got, want)
	}

	ann.conn.Close()
	eventually(t, "ann to be gone", func() bool {
		return strings.HasPrefix(dan.rpc("status", `{"users":["dan"]}`), `{"users"`) && s.sessions.UserCount() == 2
	})
	call(t, s, "members_add", `{"channel":"team:b","users":["ann"]}`)
	if got := dan.rpc("status", `{"users":["ann"]}`); !strings.HasPrefix(got, `{"users":{"ann":{"online":false,"seen":1`) {
		t.Errorf("got %s, want the time when ann was last connected", got)
	}
	for params, want := range map[string]string{
		`{"users":[]}`:    "users: found 0, allowed: 1 to 50",
		`{}`:              "users: found 0, allowed: 1 to 50",
		`{"users":"ann"}`: "bad request",
		`{"users":[1]}`:   "bad request",
		`{"users":[` + strings.Repeat(`"a",`, 50) + `"b"]}`: "users: found 51, allowed: 1 to 50",
	} {
		if got := dan.rpc("status", params); !strings.Contains(got, `"code":107`) || !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %q", params, got, want)
		}
	}
}

func TestARestartKeepsWhenUsersWereSeen(t *testing.T) {
	t.Parallel()
	o := rosterRooms("team:*")
	o.Durable = true
	dir := t.TempDir()
	start := func(t *testing.T) *Server {
		return startServer(t, func(c *Config) {
			c.Token.HMACSecret, c.OtherRooms, c.Rooms, c.Data, c.API.Key = testSecret, chat.RoomsOpen, []chat.RoomOptions{o}, dir, strings.ReplaceAll(testKey, " ", "-")
		})
	}
	var seen int64
	t.Run("before", func(t *testing.T) {
		s := start(t)
		call(t, s, "members_add", `{"channel":"team:a","users":["ann","bob"]}`)
		ann := connectSDK(t, s, tokenOf("ann"))
		eventually(t, "the first write", func() bool { return s.sessions.Value("", "s/ann") != nil })
		ann.conn.Close()
		eventually(t, "ann to be seen", func() bool {
			seen = s.sessions.LastSeen("ann")
			return s.sessions.UserCount() == 0 && seen > 0
		})
	})
	t.Run("after", func(t *testing.T) {
		s := start(t)
		bob := connectSDK(t, s, tokenOf("bob"))
		// The write at the end of the connection had to wait for its minute: she was connected at the last write.
		if got := s.sessions.LastSeen("ann"); got > seen || got < seen-60_000 {
			t.Errorf("got %d, want at most a minute before %d", got, seen)
		}
		if got, want := bob.rpc("status", `{"users":["ann"]}`), fmt.Sprintf(`{"users":{"ann":{"online":false,"seen":%d}}}`, s.sessions.LastSeen("ann")); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}
