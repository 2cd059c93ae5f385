package server

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/settings"
	"github.com/throng-chat/throng/server/testkit"
	"github.com/throng-chat/throng/server/ws"
)

// kind is a kind of client.
type kind struct {
	name   string
	user   string
	token  bool   // has a subscription token
	muted  bool   // in all rooms
	banned bool   // in each room of the matrix
	role   string // in the roster of each room; empty for none
}

var kinds = []kind{
	{name: "guest"},
	{name: "guest with a token", token: true},
	{name: "user", user: "ann"},
	{name: "user with a token", user: "tess", token: true},
	{name: "muted user", user: "mute", muted: true},
	{name: "muted user with a token", user: "mutt", muted: true, token: true},
	{name: "banned user", user: "ban", banned: true},
	{name: "banned user with a token", user: "bart", banned: true, token: true},
	{name: "roster member", user: "mia", role: "member"},
	{name: "moderator", user: "mod", role: "moderator"},
	{name: "banned owner", user: "boss", role: "owner", banned: true},
}

// oracle returns whether a rule allows an action. The cells of the table are in the order of its columns.
func oracle(d chat.Action, rule chat.Access, k kind, inside, token bool) bool {
	const ( // columns
		outsider = iota
		outsiderUser
		insider
		insiderUser
		tokenInsider
		tokenInsiderUser
		tokenOutsider
		tokenOutsiderUser
	)
	table := map[chat.Access]string{
		//           o ou i iu ti tiu to tou
		chat.Anyone:      "y y  y y  y  y   y  y",
		chat.SignedIn:    "n y  n y  n  y   n  y",
		chat.Subscribers: "n n  y y  y  y   n  n",
		chat.WithToken:   "n n  n n  y  y   y  y",
		chat.Nobody:      "n n  n n  n  n   n  n",
	}
	column := map[[2]bool]int{
		{false, false}: outsider,
		{true, false}:  insider,
		{true, true}:   tokenInsider,
		{false, true}:  tokenOutsider,
	}[[2]bool{inside, token}]
	if k.user != "" {
		column++
	}
	var allowed bool
	switch rule {
	case chat.Members:
		allowed = k.role != ""
	case chat.Moderators:
		allowed = k.role == "moderator" || k.role == "owner"
	default:
		allowed = strings.Fields(table[rule])[column] == "y"
	}
	if d == chat.ToSubscribe && token && (rule == chat.SignedIn || rule == chat.Members || rule == chat.Moderators) {
		allowed = true // a token allows a room that is not closed to all
	}
	if k.banned || k.muted && d == chat.ToPublish {
		allowed = false
	}
	return allowed
}

// matrixRooms returns a room for each rule of subscribe, combined with each rule of each other action.
func matrixRooms() (rooms []chat.RoomOptions) {
	enter := []chat.Access{chat.Anyone, chat.SignedIn, chat.Members, chat.Moderators, chat.WithToken, chat.Nobody}
	for _, may := range enter {
		for _, rule := range allWho {
			for d := chat.ToPublish; d < chat.ActionCount; d++ {
				o := roomWithHistory(fmt.Sprintf("%d/%s/%s", d, may, rule))
				o.Recovery, o.HistorySize = false, 1000
				o.Subscribe = may
				switch d {
				case chat.ToPublish:
					o.Publish = rule
				case chat.ToSeePresence:
					o.SeePresence = rule
				case chat.ToReadHistory:
					o.ReadHistory = rule
				}
				rooms = append(rooms, o)
			}
		}
	}
	return rooms
}

func ruleOf(o *chat.RoomOptions, d chat.Action) chat.Access {
	return [...]chat.Access{o.Subscribe, o.Publish, o.SeePresence, o.ReadHistory}[d]
}

// asks returns the commands for an action in a room.
func asks(d chat.Action, room string) []string {
	switch d {
	case chat.ToPublish:
		return []string{fmt.Sprintf(`"publish":{"channel":%q,"data":1}`, room)}
	case chat.ToSeePresence:
		return []string{fmt.Sprintf(`"presence":{"channel":%q}`, room), fmt.Sprintf(`"presence_stats":{"channel":%q}`, room)}
	}
	return []string{fmt.Sprintf(`"history":{"channel":%q,"limit":-1}`, room)}
}

// matrix counts the compared cells.
type matrix struct {
	t     *testing.T
	cells int
}

func (m *matrix) cell(got, want bool, format string, args ...any) {
	m.t.Helper()
	m.cells++
	if got != want {
		m.t.Errorf("%s: got %v, want %v", fmt.Sprintf(format, args...), got, want)
	}
}

func TestPermissionMatrix(t *testing.T) {
	t.Parallel()
	all := matrixRooms()
	var rooms []chat.RoomOptions
	for i := 0; i < len(all); i += len(all) / testkit.Share(len(all)) { // each rule and each action, also in a tenth of the rooms
		rooms = append(rooms, all[i])
	}
	s := startAPI(t, append(slices.Clone(rooms), namedRoomOptions()...)...)
	m := &matrix{t: t}
	for _, k := range kinds {
		if k.muted {
			call(t, s, "mute", fmt.Sprintf(`{"user":%q}`, k.user))
		}
		for i := range rooms {
			if k.role != "" {
				call(t, s, "members_add", fmt.Sprintf(`{"users":[%q],"channel":%q,"role":%q}`, k.user, rooms[i].Pattern, k.role))
			}
			if k.banned {
				call(t, s, "ban", fmt.Sprintf(`{"user":%q,"channel":%q}`, k.user, rooms[i].Pattern))
			}
		}
	}
	for i := range rooms {
		m.byApplication(s, &rooms[i])
	}
	for _, k := range kinds {
		text := ""
		if k.user != "" {
			text = tokenOf(k.user)
		}
		c := connectSDK(t, s, text)
		for i := range rooms {
			m.byCommands(c, k, &rooms[i])
			if k.user != "" && !k.token {
				m.byServerSide(s, c, k, &rooms[i])
				m.byNamingToken(s, k, &rooms[i])
			}
		}
	}
	for i := range rooms {
		m.byPlainClient(s, &rooms[i])
	}
	m.personalRooms(s)
	m.namedRooms(s)
	t.Logf("%d cells", m.cells)
	if m.cells < 600 {
		t.Errorf("got %d cells, want 600 or more", m.cells)
	}
}

// byApplication checks that the server API may do everything.
func (m *matrix) byApplication(s *Server, o *chat.RoomOptions) {
	params := map[string]string{
		"publish": `,"data":"seed"`, "presence": "", "presence_stats": "", "history": `,"limit":-1`,
	}
	for method, more := range params {
		answer := call(m.t, s, method, fmt.Sprintf(`{"channel":%q%s}`, o.Pattern, more))
		m.cell(strings.HasPrefix(answer, `{"result":`), true, "%s by the application in %s", method, o.Pattern)
	}
}

// byCommands checks a client outside the room, with a recovery from an old offset, and as a member.
func (m *matrix) byCommands(c *sdk, k kind, o *chat.RoomOptions) {
	room := o.Pattern
	for d := chat.ToPublish; d < chat.ActionCount; d++ {
		for _, command := range asks(d, room) {
			m.cell(c.may(command), oracle(d, ruleOf(o, d), k, false, false), "%s outside of %s: %s", k.name, room, command)
		}
	}
	token := ""
	if k.token {
		claims := map[string]any{"channel": room}
		if k.user != "" {
			claims["sub"] = k.user
		}
		token = signed(claims)
	}
	subscribed := c.answerTo(fmt.Sprintf(`"subscribe":{"channel":%q,"token":%q,"recover":true,"offset":0}`, room, token))
	inside := strings.HasPrefix(subscribed, `{"id":77,"subscribe":`)
	m.cell(inside, oracle(chat.ToSubscribe, o.Subscribe, k, false, k.token), "%s enters %s", k.name, room)
	told := strings.Contains(subscribed, `"data":"seed"`)
	m.cell(told, inside && oracle(chat.ToReadHistory, o.ReadHistory, k, true, k.token), "%s recovers in %s: %s", k.name, room, subscribed)
	if !inside {
		return
	}
	for d := chat.ToPublish; d < chat.ActionCount; d++ {
		for _, command := range asks(d, room) {
			m.cell(c.may(command), oracle(d, ruleOf(o, d), k, true, k.token), "%s in %s: %s", k.name, room, command)
		}
	}
	c.answerTo(fmt.Sprintf(`"unsubscribe":{"channel":%q}`, room))
}

// byServerSide checks a client that the server API subscribed: it is like a client with a token.
func (m *matrix) byServerSide(s *Server, c *sdk, k kind, o *chat.RoomOptions) {
	room := o.Pattern
	answer := call(m.t, s, "subscribe", fmt.Sprintf(`{"user":%q,"channel":%q}`, k.user, room))
	inside := answer == `{"result":{}}`
	m.cell(inside, !k.banned, "%s is put into %s", k.name, room)
	if !inside {
		return
	}
	for d := chat.ToPublish; d < chat.ActionCount; d++ {
		for _, command := range asks(d, room) {
			m.cell(c.may(command), oracle(d, ruleOf(o, d), k, true, true), "%s put into %s: %s", k.name, room, command)
		}
	}
	call(m.t, s, "unsubscribe", fmt.Sprintf(`{"user":%q,"channel":%q}`, k.user, room))
}

// byNamingToken checks a client whose connection token names the room.
func (m *matrix) byNamingToken(s *Server, k kind, o *chat.RoomOptions) {
	c := dialSDK(m.t, s, "")
	defer c.conn.Close()
	c.sendLine(`{"id":1,"connect":{"token":%q,"subs":{%q:{"recover":true,"offset":0}}}}`,
		signed(map[string]any{"sub": k.user, "channels": []string{o.Pattern}}), o.Pattern)
	answer := c.line()
	inside := strings.Contains(answer, fmt.Sprintf(`"subs":{%q:{`, o.Pattern))
	m.cell(inside, !k.banned, "%s with a token that names %s", k.name, o.Pattern)
	told := strings.Contains(answer, `"data":"seed"`)
	m.cell(told, inside && oracle(chat.ToReadHistory, o.ReadHistory, k, true, true), "%s resumes in %s, which its token names: %s", k.name, o.Pattern, answer)
}

// byPlainClient checks a plain client.
func (m *matrix) byPlainClient(s *Server, o *chat.RoomOptions) {
	guest := kinds[0]
	resp, _ := ask(m.t, s.Addr().String(), upgradeRequest(s.Addr().String(), "/ws?room="+o.Pattern))
	inside := resp.StatusCode == 101
	m.cell(inside, oracle(chat.ToSubscribe, o.Subscribe, guest, false, false), "plain client enters %s", o.Pattern)
	if !inside {
		return
	}
	c := dial(m.t, s, o.Pattern)
	defer c.conn.Close()
	c.send(ws.OpText, "x")
	answer, err := c.next()
	if err != nil {
		m.t.Fatal(err)
	}
	m.cell(answer.Op == ws.OpText, oracle(chat.ToPublish, o.Publish, guest, true, false), "plain client speaks in %s", o.Pattern)
}

// personalRooms checks that a token does not give other users access to a personal room.
func (m *matrix) personalRooms(s *Server) {
	for _, k := range kinds[:4] {
		text := ""
		if k.user != "" {
			text = tokenOf(k.user)
		}
		c := connectSDK(m.t, s, text)
		for _, owner := range []string{"ann", "tess", "bob", ""} {
			room := "#" + owner
			m.cell(c.may(fmt.Sprintf(`"subscribe":{"channel":%q}`, room)), k.user != "" && owner == k.user, "%s enters %s", k.name, room)
			if owner != k.user {
				token := signed(map[string]any{"sub": k.user, "channel": room})
				m.cell(c.may(fmt.Sprintf(`"subscribe":{"channel":%q,"token":%q}`, room, token)), false, "%s enters %s by a token", k.name, room)
			}
		}
	}
}

// allWho are all values of a permission of a [[room]].
var allWho = func() (all []chat.Access) {
	for _, word := range oneOf(&chat.RoomOptions{}, "publish") {
		all = append(all, chat.Access(word))
	}
	return all
}()

// oneOf returns the allowed values of a setting.
func oneOf(v any, name string) []string {
	for _, s := range settings.Of(v) {
		if s.Name == name {
			return s.OneOf
		}
	}
	return nil
}

// The matrix has every rule. A new rule would have no column in the table of the oracle.
func TestTheMatrixKnowsEveryRule(t *testing.T) {
	for _, rule := range []chat.Access{chat.Anyone, chat.SignedIn, chat.Subscribers, chat.Members, chat.Moderators, chat.WithToken, chat.Nobody} {
		if !slices.Contains(allWho, rule) {
			t.Errorf("%q is not checked by the config", rule)
		}
	}
	if len(allWho) != 7 || chat.ActionCount != 4 {
		t.Errorf("got %d rules and %d actions: add the new ones to the matrix", len(allWho), chat.ActionCount)
	}
}
