package api

import (
	"context"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/session"
)

// maxTimelinePage bounds a page of messages in bytes, after the first message.
const maxTimelinePage = 1 << 20

// apiTimeline requests messages of a chat room as they stand.
type apiTimeline struct {
	session.TimelineParams
}

func (at *apiTimeline) do(_ context.Context, a *API) (any, *protocol.Error) {
	if e := a.CheckRoom(at.Channel); e != nil {
		return nil, e
	}
	if !a.sessions.RoomRef(at.Channel).Options.IsChat() {
		return nil, notAvailable("not a chat room: set kind = \"chat\" in the [[room]] that matches its name")
	}
	page, e := a.sessions.TimelinePage(&at.TimelineParams, maxTimelinePage)
	if e != nil {
		return nil, e
	}
	return timelineResult{page.AppendJSON(make([]byte, 0, page.Size()))}, nil
}

// timelineResult is the JSON of a page.
type timelineResult struct{ json []byte }

func (tr timelineResult) size() int { return len(tr.json) }

func (tr timelineResult) writeTo(_ context.Context, to *response) {
	to.buf = append(to.buf, tr.json...)
	to.step()
}
