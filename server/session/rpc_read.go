package session

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/centrifugal/protocol"
	"github.com/centrifugal/protocol/cfjson"

	"github.com/throng-chat/throng/server/chat"
)

// The rpc methods about what a user has read (docs/chat.md, Read markers).

var errUpto = invalid("upto: want an offset from 1 on")

// Limits of a reply to unread.
const (
	maxUnreadRooms = 200
	maxUnreadBytes = 128 << 10 // after the first room
)

// read is the rpc method that moves the read marker of the user. Clients that may read the history of the room may call it.
func (s *Session) read(id uint32, params []byte) {
	var p struct {
		Channel string `json:"channel"`
		Upto    uint64 `json:"upto"`
	}
	if json.Unmarshal(params, &p) != nil || !chat.ValidRoomName(p.Channel) {
		s.fail(id, ErrBadRequest)
		return
	}
	if p.Upto == 0 {
		s.fail(id, errUpto)
		return
	}
	in := s.roomRef(p.Channel)
	if e := s.checkUnread(in); e != nil {
		s.fail(id, e)
		return
	}
	reply := s.replyNow
	if in.Options.Durable {
		reply = s.replyLater
	}
	s.Sessions.MarkRead(in, s.Info(), p.Upto, func(upto uint64, e *chat.Rejection) {
		data := append(strconv.AppendUint([]byte(`{"upto":`), upto, 10), '}')
		reply(rpcReply(id, data), e)
	})
}

// receipts is the rpc method that returns how far others have read a room with the option receipts. Clients that may read its history may call it.
func (s *Session) receipts(id uint32, params []byte) {
	var p struct {
		Channel string `json:"channel"`
	}
	if json.Unmarshal(params, &p) != nil || !chat.ValidRoomName(p.Channel) {
		s.fail(id, ErrBadRequest)
		return
	}
	in := s.roomRef(p.Channel)
	absent := unless(in.Options.IsChat(), errNotChat)
	if absent == nil {
		absent = unless(in.Options.Receipts, errNoReceipts)
	}
	if e := s.checkRead(chat.ToReadHistory, in, absent); e != nil {
		s.fail(id, e)
		return
	}
	s.replyRPC(id, struct {
		Upto map[string]uint64 `json:"upto"`
	}{s.Sessions.ReceiptsOf(p.Channel)})
}

// checkUnread returns the error of a session that may not use the read markers of a room; nil if it may. A user that belongs to the room counts as
// subscribed: it has unread messages in a room that no device of it has opened.
func (s *Session) checkUnread(in chat.RoomRef) *protocol.Error {
	if s.userID() == "" {
		return errNeedsUser
	}
	actor := s.actorIn(in)
	actor.Member = actor.Member || s.belongs(in)
	return s.checkReadBy(actor, chat.ToReadHistory, in, unless(in.Options.IsChat(), errNotChat))
}

// unread is the rpc method that returns what the user has not read, in all its rooms or in some.
func (s *Session) unread(id uint32, params []byte) {
	var p struct {
		Channels []string `json:"channels"`
		After    string   `json:"after"`
	}
	if len(params) > 0 && json.Unmarshal(params, &p) != nil {
		s.fail(id, ErrBadRequest)
		return
	}
	switch {
	case s.userID() == "":
		s.fail(id, errNeedsUser)
		return
	case len(p.Channels) > maxUnreadRooms:
		s.fail(id, ErrorOf(&chat.Rejection{
			Cause: chat.CauseInvalid, Detail: fmt.Sprintf("channels: found %d, allowed: %d", len(p.Channels), maxUnreadRooms),
		}))
		return
	case slices.ContainsFunc(p.Channels, func(room string) bool { return !chat.ValidRoomName(room) }):
		s.fail(id, ErrBadRequest)
		return
	case s.overBulkRate():
		s.reject(id, ErrTooManyRequests)
		return
	}
	rooms, more := s.unreadRooms(p.Channels, p.After)
	list, size, all := s.unreadIn(rooms)
	more = more || !all
	s.replyLong(id, size, func() []byte { return appendUnread(make([]byte, 0, size), list, more) })
}

// unreadRooms returns the rooms of a reply in the order of their names, and whether others follow: of channels, or without them of the rosters of
// the user and of its subscriptions.
func (s *Session) unreadRooms(channels []string, after string) (rooms []string, more bool) {
	rooms = slices.Clone(channels)
	if len(rooms) == 0 {
		rooms, more = s.Sessions.RosterNamesOf(s.userID(), after, maxUnreadRooms)
		last := ""
		if more {
			last = rooms[len(rooms)-1]
		}
		for _, sub := range s.Subs {
			if name := sub.Room.Name; sub.Room.Options().IsChat() && (last == "" || name < last) {
				rooms = append(rooms, name)
			}
		}
	}
	slices.Sort(rooms)
	rooms = slices.Compact(rooms)
	rooms = slices.DeleteFunc(rooms, func(name string) bool { return name <= after })
	if len(rooms) > maxUnreadRooms {
		return rooms[:maxUnreadRooms], true
	}
	return rooms, more
}

// unreadIn returns what the user has not read in rooms whose history it may read, and about the bytes of the reply. all is false if the reply
// would be too large with the others.
func (s *Session) unreadIn(rooms []string) (list []chat.Unread, size int, all bool) {
	const fields = 80 // bytes of names and numbers of a room
	for _, name := range rooms {
		if s.checkUnread(s.roomRef(name)) != nil {
			continue
		}
		u := s.Sessions.UnreadOf(name, s.userID())
		each := fields + len(name) + u.Last.Size()
		if len(list) > 0 && size+each > maxUnreadBytes {
			return list, size, false
		}
		list, size = append(list, u), size+each
	}
	return list, size, true
}

// appendUnread appends the reply to unread.
func appendUnread(b []byte, list []chat.Unread, more bool) []byte {
	b = append(b, `{"channels":{`...)
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		u := &list[i]
		b = cfjson.AppendString(b, u.Room)
		b = strconv.AppendInt(append(b, `:{"unread":`...), int64(u.Messages), 10)
		b = strconv.AppendInt(append(b, `,"mentions":`...), int64(u.Mentions), 10)
		b = strconv.AppendUint(append(b, `,"upto":`...), u.Upto, 10)
		if u.Last.Offset > 0 {
			b = u.Last.AppendJSON(append(b, `,"last":`...))
		}
		b = append(b, '}')
	}
	if b = append(b, '}'); more {
		b = append(b, `,"more":true`...)
	}
	return append(b, '}')
}

// pushToUser sends data for all connections of the user: in the personal room if the client is subscribed to it, because some SDKs ignore
// messages that belong to no room. Called on the poller.
func (s *Session) pushToUser(data []byte) {
	for _, sub := range s.Subs {
		if s.Sessions.Settings().Names.IsPersonal(sub.Room.Name, s.userID()) && !sub.delta {
			s.push(&protocol.Push{Channel: sub.Room.Name, Pub: &protocol.Publication{Data: data}})
			return
		}
	}
	s.push(&protocol.Push{Message: &protocol.Message{Data: data}})
}
