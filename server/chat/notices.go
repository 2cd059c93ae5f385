package chat

import (
	"iter"

	"github.com/throng-chat/throng/server/notify"
	"github.com/throng-chat/throng/server/roster"
	"github.com/throng-chat/throng/server/timeline"
)

// Notices of chat rooms: messages that members may have to be notified of. A room collects them under its lock, which costs its mentions only.
// The notifier takes them once a second, and then reads members, markers and messages on its own goroutine (session/notices.go).

// newMentionsLocked returns the users that a publication mentions and its message did not before, for noteLocked. Call it before the publication is
// folded. The room's lock is held.
func (h *Hub) newMentionsLocked(r *Room, e *timeline.Entry) []string {
	if e == nil || r.talk == nil || !h.collectsNotices.Load() {
		return nil
	}
	return r.talk.timeline.NewMentions(e)
}

// noteLocked notes a message that was folded, or an edit with new mentions. The room's lock is held.
func (h *Hub) noteLocked(r *Room, pub *Publication, e *timeline.Entry, mentions []string) {
	if e.Kind != timeline.Message && len(mentions) == 0 || !h.collectsNotices.Load() || r.Options().Notify == NotifyOff {
		return
	}
	author := ""
	if pub.Info != nil {
		author = pub.Info.User
	}
	if author == "" && e.Kind == timeline.Message && r.talk.timeline.Direct { // a notice of the application, which counts as read
		return
	}
	add := r.talk.notices.Add
	if e.Kind != timeline.Message {
		add = r.talk.notices.AddMentions
	}
	if add(author, mentions) {
		r.Stripe.noted = append(r.Stripe.noted, r)
	}
}

// CollectNotices sets whether rooms collect notices: somebody is notified. Any goroutine may call it.
func (h *Hub) CollectNotices(collect bool) { h.collectsNotices.Store(collect) }

// TakeNotices calls do for each room with messages since the call before. It holds no lock meanwhile. Call it on one goroutine.
func (h *Hub) TakeNotices(do func(notify.Change)) {
	for i := range h.Rooms.stripes {
		for _, c := range h.Rooms.stripes[i].takeNoted() {
			c.Rule, c.Members = h.NotifyRule(c.Room), h.partsOfMembers(c.Room)
			do(c)
		}
	}
}

// takeNoted returns the rooms with messages since the call before, without their members.
func (in *Stripe) takeNoted() (noted []notify.Change) {
	in.Mu.Lock()
	defer in.Mu.Unlock()
	for _, r := range in.noted {
		noted = append(noted, notify.Change{Room: r.Name, Batch: r.talk.notices.Take()})
	}
	in.noted = nil
	return noted
}

// partsOfMembers returns the users that belong to a room: those of its roster, or of the name of a direct room. The room's lock is held for one
// part at a time.
func (h *Hub) partsOfMembers(room string) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		users := make([]string, 0, notify.Part)
		if a, b, direct := h.Settings().Names.direct(room); direct {
			yield(append(users, a, b))
			return
		}
		for after := ""; ; after = users[len(users)-1] {
			users = h.rosterUsers(users[:0], room, after)
			if len(users) == 0 || !yield(users) || len(users) < cap(users) {
				return
			}
		}
	}
}

// rosterUsers appends users of the roster of a room behind one to dst, until dst is full.
func (h *Hub) rosterUsers(dst []string, room, after string) []string {
	in := h.Rooms.StripeOf(room)
	in.Mu.Lock()
	defer in.Mu.Unlock()
	if rv := in.values[room]; rv != nil {
		dst = rv.members.Users(dst, after)
	}
	return dst
}

// NotifyRule returns which messages of a room its members are notified of.
func (h *Hub) NotifyRule(room string) notify.Rule {
	o := h.OptionsOf(room)
	return notify.Rule{OnlyMentions: o.Notify == NotifyMentions, UnreadAfter: o.NotifyUnread}
}

// UnreadNotice returns what a user has not read in a chat room; false if the user does not belong to the room, or is banned from it.
func (h *Hub) UnreadNotice(user, room string) (u notify.Unread, ok bool) {
	a, b, direct := h.Settings().Names.direct(room)
	if direct && user != a && user != b || h.Moderation.Denies(user, ToSubscribe, room) {
		return u, false
	}
	in := h.Rooms.StripeOf(room)
	in.Mu.Lock()
	defer in.Mu.Unlock()
	r, rv := in.rooms[room], in.values[room]
	if r == nil || r.talk == nil || !direct && (rv == nil || rv.members.Role(user) == roster.None) {
		return u, false
	}
	if rv != nil {
		if read := rv.numbers.Get(user); read.Number > 0 && read.Epoch == epochNumber(r.History.Epoch) {
			u.Upto = read.Number
		}
	}
	messages := &r.talk.timeline
	u.Unread, u.Mentions = messages.Unread(user, u.Upto)
	if newest, _ := messages.Texts(0, make([]timeline.Text, 0, 1)); len(newest) == 1 {
		if m, found := messages.At(newest[0].Offset, ""); found {
			u.Last = &notify.Message{ID: m.ID, Offset: m.Offset, User: m.User, Info: m.Info, Time: m.UnixMilli, Text: m.Text}
		}
	}
	return u, true
}
