package session

import (
	"encoding/json"
	"time"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/limiter"
	"github.com/throng-chat/throng/server/notify"
	"github.com/throng-chat/throng/server/roster"
	"github.com/throng-chat/throng/server/webpush"
)

// The rpc methods about notifications: what a user wants, and its browsers (docs/chat.md, Notifications).

// preferenceRate limits the changes of one connection: each is written to disk.
const preferenceRate = 2 // per second

// notifyMethods are the methods of throng that exist while somebody is notified: by the webhook event notify, or by Web Push. Otherwise the
// application gets these calls.
var notifyMethods = map[string]rpcMethod{
	"mute":             (*Session).mute,
	"unmute":           (*Session).unmute,
	"dnd":              (*Session).doNotDisturb,
	"notifications":    (*Session).preferences,
	"push_key":         (*Session).pushKey,
	"push_subscribe":   (*Session).pushSubscribe,
	"push_unsubscribe": (*Session).pushUnsubscribe,
}

// mute handles mute: no notification about a room.
func (s *Session) mute(id uint32, data []byte) {
	var r struct {
		Channel string `json:"channel"`
		Until   int64  `json:"until"`
	}
	if json.Unmarshal(data, &r) != nil || !chat.ValidRoomName(r.Channel) {
		s.fail(id, ErrBadRequest)
		return
	}
	if _, ok := s.preferenceUser(id); !ok {
		return
	}
	if e := s.checkMute(s.roomRef(r.Channel)); e != nil {
		s.fail(id, e)
		return
	}
	if e := s.Sessions.AdmitsUsers(""); e != nil {
		s.fail(id, ErrorOf(e))
		return
	}
	s.changePreferences(id, func(p *notify.Preferences) (*notify.Preferences, error) {
		return p.Mute(r.Channel, r.Until, time.Now())
	})
}

// checkMute returns the error of a session that may not mute a room; nil if it may: it is subscribed or may subscribe, or its user is in the roster,
// so that the room may notify it. Else a user could store the names of rooms that are not its own.
func (s *Session) checkMute(in chat.RoomRef) *protocol.Error {
	actor := s.actorIn(in)
	if actor.Member || s.Sessions.RoleOf(in.Name, actor.User) != roster.None || s.Sessions.Authorize(actor, chat.ToSubscribe, in) {
		return nil
	}
	return ErrorOf(s.Sessions.Denial(actor, chat.ToSubscribe, in))
}

// unmute handles unmute. It needs no permission: the user may have lost it since.
func (s *Session) unmute(id uint32, data []byte) {
	var r struct {
		Channel string `json:"channel"`
	}
	if json.Unmarshal(data, &r) != nil || !chat.ValidRoomName(r.Channel) {
		s.fail(id, ErrBadRequest)
		return
	}
	s.changePreferences(id, func(p *notify.Preferences) (*notify.Preferences, error) { return p.Unmute(r.Channel), nil })
}

// doNotDisturb handles dnd: no notification at all, now or at some hours.
func (s *Session) doNotDisturb(id uint32, data []byte) {
	var d notify.DoNotDisturb
	if json.Unmarshal(data, &d) != nil {
		s.fail(id, ErrBadRequest)
		return
	}
	s.changePreferences(id, func(p *notify.Preferences) (*notify.Preferences, error) { return p.Disturb(d) })
}

// preferences handles notifications: it replies with the settings.
func (s *Session) preferences(id uint32, _ []byte) {
	user, ok := s.preferenceUser(id)
	if !ok {
		return
	}
	p := notify.ParsePreferences(s.Sessions.Notices.Preferences(user))
	s.Reply(&protocol.Reply{Id: id, Rpc: &protocol.RPCResult{Data: preferencesReply(p)}})
}

// pushKey handles push_key: the key with which a browser subscribes.
func (s *Session) pushKey(id uint32, _ []byte) {
	if !s.hasPush(id) {
		return
	}
	s.Reply(&protocol.Reply{Id: id, Rpc: &protocol.RPCResult{Data: []byte(`{"key":"` + s.Sessions.Notices.pushKey + `"}`)}})
}

// pushSubscribe handles push_subscribe: notifications to a browser. Its data is the PushSubscription of the browser.
func (s *Session) pushSubscribe(id uint32, data []byte) {
	if !s.hasPush(id) {
		return
	}
	var sub webpush.Subscription
	if json.Unmarshal(data, &sub) != nil {
		s.fail(id, ErrBadRequest)
		return
	}
	if err := sub.Check(s.Sessions.Notices.services); err != nil {
		s.fail(id, ErrorOf(&chat.Rejection{Cause: chat.CauseInvalid, Detail: err.Error()}))
		return
	}
	if e := s.Sessions.AdmitsUsers(""); e != nil {
		s.fail(id, ErrorOf(e))
		return
	}
	s.changePreferences(id, func(p *notify.Preferences) (*notify.Preferences, error) { return p.Subscribe(sub), nil })
}

// pushUnsubscribe handles push_unsubscribe: it ends the subscription of a browser, or those of all browsers of the user.
func (s *Session) pushUnsubscribe(id uint32, data []byte) {
	var r struct {
		Endpoint string `json:"endpoint"`
	}
	if len(data) > 0 && json.Unmarshal(data, &r) != nil {
		s.fail(id, ErrBadRequest)
		return
	}
	s.changePreferences(id, func(p *notify.Preferences) (*notify.Preferences, error) {
		if r.Endpoint == "" {
			return p.UnsubscribeAll(), nil
		}
		return p.Unsubscribe(r.Endpoint), nil
	})
}

// hasPush reports whether Web Push is on; else it replies with an error.
func (s *Session) hasPush(id uint32) bool {
	if s.Sessions.Notices.push == nil {
		s.fail(id, errNoWebPush)
		return false
	}
	return true
}

// preferenceUser returns the user; without one it replies with an error.
func (s *Session) preferenceUser(id uint32) (user string, ok bool) {
	user = s.userID()
	if user == "" {
		s.fail(id, ErrorOf(&chat.Rejection{Cause: chat.CauseDenied, Detail: "notifications need a user"}))
	}
	return user, user != ""
}

// changePreferences changes the preferences of the user, and replies with them when they are stored.
func (s *Session) changePreferences(id uint32, change func(*notify.Preferences) (*notify.Preferences, error)) {
	user, ok := s.preferenceUser(id)
	if !ok {
		return
	}
	if !s.allowInRoom("", limiter.PerSecond(preferenceRate), s.Sessions.Clock.Now()) {
		s.reject(id, ErrTooManyRequests)
		return
	}
	s.Sessions.Notices.change(user, change, func(now *notify.Preferences, e *chat.Rejection) {
		r := &protocol.Reply{Id: id}
		if e == nil {
			r.Rpc = &protocol.RPCResult{Data: preferencesReply(now)}
		}
		s.replyLater(r, e)
	})
}

// preferencesReply returns the reply to most methods.
func preferencesReply(p *notify.Preferences) []byte {
	r := struct {
		Mutes    map[string]int64    `json:"mutes"`
		DND      notify.DoNotDisturb `json:"dnd"`
		Browsers int                 `json:"browsers"`
	}{p.Mutes, p.DND, len(p.Push)}
	if r.Mutes == nil {
		r.Mutes = map[string]int64{}
	}
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // it has no type that can fail
	}
	return b
}
