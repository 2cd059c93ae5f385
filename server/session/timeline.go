package session

import (
	"encoding/json"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/timeline"
)

// TimelineParams are the parameters of the method timeline, of rpc and of the server API.
type TimelineParams struct {
	Channel string          `json:"channel"`
	Before  *uint64         `json:"before"` // an offset
	After   *uint64         `json:"after"`  // an offset
	Around  json.RawMessage `json:"around"` // an offset, or the ID of a message
	Limit   *int            `json:"limit"`
	Thread  string          `json:"thread"`
	Pinned  bool            `json:"pinned"`
}

// timeline is the rpc method that reads the messages of a chat room as they stand. Who may read the history may call it.
func (s *Session) timeline(id uint32, params []byte) {
	var p TimelineParams
	if e := decodeStrictly(params, &p); e != nil {
		s.fail(id, e)
		return
	}
	if !chat.ValidRoomName(p.Channel) {
		s.fail(id, errNoChannel)
		return
	}
	in := s.roomRef(p.Channel)
	if e := s.checkRead(chat.ToReadHistory, in, unless(in.Options.IsChat(), errNotChat)); e != nil {
		s.fail(id, e)
		return
	}
	page, e := s.Sessions.timelineQuery(&p, s.userID(), s.Sessions.Limits().MaxUnsent/2)
	if e != nil {
		s.fail(id, e)
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

// TimelinePage returns the page of a chat room that the parameters select, of about maxBytes at most, for a caller that may read every room. Any
// goroutine may call it.
func (all *Sessions) TimelinePage(p *TimelineParams, maxBytes int) (timeline.Page, *protocol.Error) {
	q, e := all.timelineQuery(p, "", maxBytes)
	if e != nil {
		return timeline.Page{}, e
	}
	return all.ReadTimeline(p.Channel, q), nil
}

// timelineQuery returns the page that the parameters select, or the error of those that are not valid.
func (all *Sessions) timelineQuery(p *TimelineParams, viewer string, maxBytes int) (q timeline.Query, e *protocol.Error) {
	q = timeline.Query{Limit: timeline.DefaultPage, Thread: p.Thread, Pinned: p.Pinned, Viewer: viewer, MaxBytes: maxBytes}
	if p.Limit != nil {
		q.Limit = *p.Limit
	}
	directions := 0
	if p.Before != nil {
		directions++
		q.Direction, q.At = timeline.Before, *p.Before
	}
	if p.After != nil {
		directions++
		q.Direction, q.At = timeline.After, *p.After
	}
	around := len(p.Around) > 0 && string(p.Around) != "null"
	if around {
		directions++
		q.Direction, q.At = timeline.Around, 0
	}
	switch {
	case directions > 1:
		return q, invalid("before, after, around: found %d of them, allowed: one", directions)
	case q.Limit < 1 || q.Limit > timeline.MaxPage:
		return q, invalid("limit: found %d, allowed: 1 to %d", q.Limit, timeline.MaxPage)
	case len(p.Thread) > timeline.MaxID:
		return q, invalid("thread: found %d bytes, allowed: %d", len(p.Thread), timeline.MaxID)
	case p.Pinned && p.Thread != "":
		return q, invalid("pinned: not allowed together with thread")
	case around && json.Unmarshal(p.Around, &q.At) != nil:
		ok := false
		if q.At, ok = all.messageNamed(p.Channel, p.Around); !ok {
			return q, invalid("around: no such message")
		}
	}
	return q, nil
}

// messageNamed returns the offset of the message with the name in a JSON string; ok is false if there is none.
func (all *Sessions) messageNamed(room string, text []byte) (offset uint64, ok bool) {
	var name string
	if json.Unmarshal(text, &name) != nil {
		return 0, false
	}
	offset = all.FindMessage(room, name)
	return offset, offset != 0
}

// encodeTimeline returns the part of a timeline reply after its ID. Called on a worker.
func (all *Sessions) encodeTimeline(q BulkQuery) []byte {
	page := all.ReadTimeline(q.Room, q.Page)
	return q.rpcBody(page.AppendJSON(make([]byte, 0, page.Size())))
}
