package server

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/roster"
	"github.com/throng-chat/throng/server/timeline"
)

// talkPeople is the part of the model of chat rooms with the members, their roles and the read markers. The model has its own rules for them.
type talkPeople struct {
	*talkModel
	values *modelValues // by user: the role, and the read marker as its offset and epoch

	unlisted float64 // users of direct rooms that did not become members, because the values had no space
}

func newTalkPeople(tm *talkModel) *talkPeople {
	return &talkPeople{talkModel: tm, values: newModelValues(tm.t, tm.did)}
}

const talkUsers = 4

// user returns a user that writes in a room.
func (tp *talkPeople) user(room string) string {
	if room == directRoom {
		return fmt.Sprint(tp.random.IntN(2))
	}
	return fmt.Sprint(tp.random.IntN(talkUsers))
}

func roleKey(room, user string) modelKey   { return modelKey{room, "m/" + user} }
func markerKey(room, user string) modelKey { return modelKey{room, "r/" + user} }

// step does something with the people of a room, or compares them.
func (tp *talkPeople) step(room string) {
	switch n := tp.random.IntN(100); {
	case n < 35:
		tp.change(room)
	case n < 70:
		tp.read(room)
	case n < 74:
		tp.deleteRoom(room)
	default:
		tp.check(room)
	}
}

// role returns the role of a user when all that is proposed is committed.
func (tp *talkPeople) role(room, user string) roster.Role {
	r, _ := roster.ParseRole(tp.values.next(roleKey(room, user)))
	return r
}

// moderates reports whether a user is a moderator or an owner now.
func (tp *talkPeople) moderates(room, user string) bool {
	r, _ := roster.ParseRole(tp.values.now(roleKey(room, user)))
	return r >= roster.Moderator
}

// change changes roles, by a user or the application.
func (tp *talkPeople) change(room string) {
	c := chat.MemberChange{Room: room, Role: roster.Role(tp.random.IntN(4)), Add: tp.random.IntN(2) == 0}
	if tp.random.IntN(2) > 0 {
		c.By = fmt.Sprint(tp.random.IntN(talkUsers))
	}
	for range 1 + tp.random.IntN(2) {
		c.Users = append(c.Users, fmt.Sprint(tp.random.IntN(talkUsers)))
	}
	if c.Add && c.Role == roster.None {
		c.Role = roster.Member
	}
	to, want := tp.judge(&c)
	var change *modelChange
	if len(to) > 0 {
		change = tp.values.propose(to)
	}
	returned := false
	tp.sessions.ChangeMembers(c, func(_ chat.StreamPosition, e *chat.Rejection) {
		change.ended(e, returned)
		switch {
		case e == nil && want != nil:
			tp.t.Errorf("%+v was done, want: %s", c, want.Detail)
		case e == nil && change == nil:
			tp.did["role kept"]++
		case e == nil:
			tp.did["role"]++
		case want != nil && e.Cause == want.Cause:
			tp.did["role denied"]++
		case e.Cause != chat.CauseUnavailable && e.Cause != chat.CauseLimit || want != nil:
			tp.t.Errorf("%+v was rejected: %+v, want %+v", c, e, want)
		}
	})
	returned = true
}

// judge returns what a change of roles does, or why it is rejected. It states the rules of docs/chat.md in its own way.
func (tp *talkPeople) judge(c *chat.MemberChange) (to map[modelKey]string, why *chat.Rejection) {
	to = map[modelKey]string{}
	own, after := tp.role(c.Room, c.By), map[string]roster.Role{}
	for n := range talkUsers {
		after[fmt.Sprint(n)] = tp.role(c.Room, fmt.Sprint(n))
	}
	hadOwner := slices.Contains(slices.Collect(maps.Values(after)), roster.Owner)
	for _, user := range slices.Compact(slices.Sorted(slices.Values(c.Users))) {
		switch before := after[user]; {
		case before == c.Role, c.Add && before > roster.None:
			continue
		case before == roster.None && !c.Add:
			return nil, &chat.Rejection{Cause: chat.CauseInvalid, Detail: user + " is not a member"}
		case c.By == "" || own == roster.Owner || own > before && own > c.Role || user == c.By && c.Role < before:
			after[user] = c.Role
			to[roleKey(c.Room, user)] = c.Role.String()
		default:
			return nil, &chat.Rejection{Cause: chat.CauseDenied, Detail: "the rank is too small"}
		}
	}
	maps.DeleteFunc(after, func(_ string, r roster.Role) bool { return r == roster.None })
	if c.By != "" && hadOwner && len(after) > 0 && !slices.Contains(slices.Collect(maps.Values(after)), roster.Owner) {
		return nil, &chat.Rejection{Cause: chat.CauseDenied, Detail: "a room with members keeps an owner"}
	}
	return to, nil
}

// deleteRoom removes all values of a room.
func (tp *talkPeople) deleteRoom(room string) {
	to := map[modelKey]string{}
	for _, k := range tp.values.of(room) {
		to[k] = ""
	}
	change, returned := tp.values.propose(to), false
	tp.sessions.DeleteRoom(room, func(_ bool, e *chat.Rejection) {
		change.ended(e, returned)
		switch {
		case e == nil:
			tp.did["room deleted"]++
		case e.Cause != chat.CauseUnavailable:
			tp.t.Errorf("%s was not deleted: %+v", room, e)
		}
	})
	returned = true
}

// joined notes that a message was accepted: both users of a direct room become members before it.
func (tp *talkPeople) joined(room string) *modelChange {
	to := map[modelKey]string{}
	for _, user := range []string{"0", "1"} {
		if room == directRoom && tp.role(room, user) == roster.None {
			to[roleKey(room, user)] = roster.Member.String()
		}
	}
	unlisted := testutil.ToFloat64(tp.sessions.Metrics.DirectUnlisted)
	if len(to) == 0 || unlisted > tp.unlisted {
		tp.unlisted = unlisted
		return nil
	}
	tp.did["direct"]++
	return tp.values.propose(to)
}

// read moves the read marker of a user.
func (tp *talkPeople) read(room string) {
	user := fmt.Sprint(tp.random.IntN(talkUsers))
	page := tp.sessions.ReadTimeline(room, timeline.Query{Limit: 1})
	upto, key := 1+tp.random.Uint64N(page.Position+2), markerKey(room, user)
	wants, value, why := upto, fmt.Sprint(upto, " ", page.Epoch), "read"
	if n, epoch := markerOf(tp.values.next(key)); upto > page.Position {
		why, value = "read too far", tp.values.now(key)
	} else if n >= upto && epoch == page.Epoch {
		why, wants, value = "read before", n, tp.values.next(key)
	}
	var change *modelChange
	if why == "read" || value != tp.values.now(key) {
		change = tp.values.propose(map[modelKey]string{key: value})
	}
	returned := false
	tp.sessions.MarkRead(tp.sessions.RoomRef(room), &chat.ClientInfo{User: user, Client: user}, upto, func(got uint64, e *chat.Rejection) {
		change.ended(e, returned)
		switch {
		case e == nil && (why == "read too far" || got != wants):
			tp.t.Errorf("%s: %s read up to %d, got the marker %d, want %d: %s", room, user, upto, got, wants, why)
		case e != nil && e.Cause != chat.CauseUnavailable && e.Cause != chat.CauseLimit && (why != "read too far" || e.Cause != chat.CauseInvalid):
			tp.t.Errorf("%s: %s read up to %d: %+v, want: %s", room, user, upto, e, why)
		case e == nil || why == "read too far":
			tp.did[why]++
		}
	})
	returned = true
}

// markerOf returns the offset and the epoch of a marker.
func markerOf(value string) (upto uint64, epoch string) {
	if value != "" {
		if _, err := fmt.Sscan(value, &upto, &epoch); err != nil {
			panic(err) // read wrote it
		}
	}
	return upto, epoch
}

// check compares the members and the markers of a room with the server, and what is unread with the timeline.
func (tp *talkPeople) check(room string) {
	want := map[string]roster.Role{}
	list := tp.all(room)
	page := tp.sessions.ReadTimeline(room, timeline.Query{Limit: 1})
	for n := range talkUsers {
		user := fmt.Sprint(n)
		if r, ok := roster.ParseRole(tp.values.now(roleKey(room, user))); ok {
			want[user] = r
		}
		rooms, _ := tp.sessions.RosterNamesOf(user, "", 100)
		if _, is := want[user]; slices.Contains(rooms, room) != is {
			tp.t.Errorf("%s is in the rosters of %v; of %s: want %v", user, rooms, room, is)
		}
		upto, epoch := markerOf(tp.values.now(markerKey(room, user)))
		if epoch != page.Epoch {
			upto = 0
		}
		unread, mentions := 0, 0
		for i := range list {
			if v := &list[i]; v.Offset > upto && !v.Deleted && v.User != user && (v.User != "" || room != directRoom) {
				unread++
				if slices.Contains(v.Mentions, user) {
					mentions++
				}
			}
		}
		if u := tp.sessions.UnreadOf(room, user); u.Upto != upto || u.Messages != unread || u.Mentions != mentions {
			tp.t.Errorf("%s: %s has the marker %d, %d unread, %d mentions; want %d, %d, %d", room, user, u.Upto, u.Messages, u.Mentions, upto, unread, mentions)
		}
	}
	got := map[string]roster.Role{}
	members, _ := tp.sessions.MembersOf(room, "", roster.Member, 100)
	for _, e := range members {
		got[e.User] = e.Role
	}
	if !maps.Equal(got, want) {
		tp.t.Errorf("%s has the members %v, want %v", room, got, want)
	}
}

// restarted notes a kill of the process, after its next start.
func (tp *talkPeople) restarted() {
	tp.unlisted = 0
	tp.values.crashed()
	tp.reopened()
}

// reopened notes that the log was replayed.
func (tp *talkPeople) reopened() {
	tp.values.settle(func(k modelKey, may []string) string {
		if user, is := strings.CutPrefix(k.key, "m/"); is {
			got := tp.sessions.RoleOf(k.room, user).String()
			if !slices.Contains(may, got) {
				tp.t.Errorf("%s: %s has the role %q, want one of %q", k.room, user, got, may)
			}
			return got
		}
		user := strings.TrimPrefix(k.key, "r/")
		epoch := tp.sessions.ReadTimeline(k.room, timeline.Query{Limit: 1}).Epoch
		got := tp.sessions.UnreadOf(k.room, user).Upto
		for _, value := range may {
			if upto, in := markerOf(value); in == epoch && upto == got || in != epoch && got == 0 {
				return value
			}
		}
		tp.t.Errorf("%s: %s has the marker %d, want one of %q", k.room, user, got, may)
		return ""
	})
}
