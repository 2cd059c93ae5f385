package session

import (
	"encoding/json"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/timeline"
)

var errNoMessage = ErrorOf(&chat.Rejection{Cause: chat.CauseDenied, Detail: "no such message"})

// reactors is the rpc method that returns who reacted to a message of a chat room. Who may read the history may call it. The reply is short
// (timeline.Timeline.Reactors), so that the poller makes it.
func (s *Session) reactors(id uint32, params []byte) {
	var p struct {
		Channel string `json:"channel"`
		Of      string `json:"of"` // the ID of the message
	}
	if json.Unmarshal(params, &p) != nil || !chat.ValidRoomName(p.Channel) || p.Of == "" || len(p.Of) > timeline.MaxID {
		s.fail(id, ErrBadRequest)
		return
	}
	in := s.roomRef(p.Channel)
	if e := s.checkRead(chat.ToReadHistory, in, unless(in.Options.IsChat(), errNotChat)); e != nil {
		s.fail(id, e)
		return
	}
	if s.overBulkRate() {
		s.reject(id, ErrTooManyRequests)
		return
	}
	all, ok := s.Sessions.ReactorsOf(p.Channel, p.Of)
	if !ok {
		s.fail(id, errNoMessage)
		return
	}
	data, err := json.Marshal(map[string]any{"reactions": all})
	if err != nil {
		s.fail(id, errInternal)
		return
	}
	s.chargeBulk(len(data))
	s.Reply(&protocol.Reply{Id: id, Rpc: &protocol.RPCResult{Data: data}})
}
