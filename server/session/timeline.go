package session

import (
	"encoding/json"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/timeline"
)

// timelineParams are the parameters of the rpc method timeline.
type timelineParams struct {
	Channel string          `json:"channel"`
	Before  *uint64         `json:"before"` // an offset
	After   *uint64         `json:"after"`  // an offset
	Around  json.RawMessage `json:"around"` // an offset, or the ID of a message
	Limit   int             `json:"limit"`
	Thread  string          `json:"thread"`
	Pinned  bool            `json:"pinned"`
}

// timeline is the rpc method that reads the messages of a chat room as they stand. Who may read the history may call it.
func (s *Session) timeline(id uint32, params []byte) {
	var p timelineParams
	if json.Unmarshal(params, &p) != nil || !chat.ValidRoomName(p.Channel) {
		s.fail(id, ErrBadRequest)
		return
	}
	in := s.roomRef(p.Channel)
	if e := s.checkRead(chat.ToReadHistory, in, in.Options.IsChat()); e != nil {
		s.fail(id, e)
		return
	}
	page, ok := s.timelineQuery(&p)
	if !ok {
		s.fail(id, ErrBadRequest)
		return
	}
	q := s.bulkQuery(timelineQuery, p.Channel)
	q.Page = page
	result := s.Sessions.ReadTimeline(q.Room, q.Page)
	if size := result.Size(); size >= s.inlineBytes() && size > 0 {
		s.queryBulk(id, q, s.Sessions.Limits().MaxUnsent/2)
		return
	}
	data := result.AppendJSON(nil)
	s.chargeBulk(len(data))
	s.Reply(&protocol.Reply{Id: id, Rpc: &protocol.RPCResult{Data: data}})
}

// timelineQuery returns the page that the parameters select. ok is false if they are not valid.
func (s *Session) timelineQuery(p *timelineParams) (q timeline.Query, ok bool) {
	q = timeline.Query{Limit: p.Limit, Thread: p.Thread, Pinned: p.Pinned, Viewer: s.userID(), MaxBytes: s.Sessions.Limits().MaxUnsent / 2}
	directions := 0
	if p.Before != nil {
		directions++
		q.Direction, q.At = timeline.Before, *p.Before
	}
	if p.After != nil {
		directions++
		q.Direction, q.At = timeline.After, *p.After
	}
	if len(p.Around) > 0 && string(p.Around) != "null" {
		directions++
		q.Direction, q.At, ok = timeline.Around, 0, true
		if json.Unmarshal(p.Around, &q.At) != nil {
			q.At, ok = s.messageNamed(p.Channel, p.Around)
		}
		if !ok {
			return q, false
		}
	}
	return q, directions <= 1 && p.Limit >= 0 && len(p.Thread) <= timeline.MaxID && !(p.Pinned && p.Thread != "")
}

// messageNamed returns the offset of the message with the name in a JSON string; ok is false if there is none.
func (s *Session) messageNamed(room string, text []byte) (offset uint64, ok bool) {
	var name string
	if json.Unmarshal(text, &name) != nil {
		return 0, false
	}
	offset = s.Sessions.FindMessage(room, name)
	return offset, offset != 0
}

// encodeTimeline returns the part of a timeline reply after its ID. Called on a worker.
func (all *Sessions) encodeTimeline(q BulkQuery) []byte {
	page := all.ReadTimeline(q.Room, q.Page)
	return q.rpcBody(page.AppendJSON(make([]byte, 0, page.Size())))
}
