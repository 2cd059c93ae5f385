package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/throng-chat/throng/server/webhook"
)

// A plain client is asked about before its 101, on the goroutine of its request, so that /ws is no way around the application.

// maxAskedPlain is how many handshakes of plain clients may wait for the application: each costs a socket and a goroutine.
const maxAskedPlain = 512

var errHandshakeGone = errors.New("the client has gone")

// asksPlain reports whether the application is asked before a plain client is let in.
func (h *hooks) asksPlain() bool { return h.wants(onConnect) || h.wants(onSubscribe) }

// askPlain asks the application whether a plain client may connect and enter a room, or returns why it is refused. The client is
// nobody in particular, and in that one room for as long as it wishes: an answer that says otherwise cannot be kept, and refuses it.
// It blocks until the application has answered, for twice the time-out of webhooks at most, or the client has gone.
func (s *Server) askPlain(w http.ResponseWriter, r *http.Request, room string) *refusal {
	h := s.hub.hooks
	// The times of the public server are for requests that it can answer by itself. What follows has an end of its own.
	c := http.NewResponseController(w)
	if err := errors.Join(c.SetReadDeadline(time.Time{}), c.SetWriteDeadline(time.Time{})); err != nil {
		return failedApplication(err)
	}
	defer func() {
		if err := c.SetWriteDeadline(time.Now().Add(headTimeout)); err != nil {
			s.log.Debug("time for the answer not limited", "error", err)
		}
	}()
	from, makeRoom := s.sourceOf(r), make(chan struct{})
	at := h.plain.enter(from, func() { close(makeRoom) })
	if at == nil {
		return busyApplication()
	}
	defer h.plain.leave(at)
	answered := make(chan *refusal, 1)
	if !h.admitters.do(from, func() { answered <- h.aboutPlain(r.Context(), room) }, func() { answered <- busyApplication() }) {
		return busyApplication()
	}
	select {
	case no := <-answered:
		if no == nil && s.hub.draining.Load() {
			return stopping()
		}
		return no
	case <-makeRoom:
		return busyApplication()
	case <-r.Context().Done():
		return failedApplication(errHandshakeGone)
	}
}

func busyApplication() *refusal {
	return &refusal{handshakeFull, http.StatusServiceUnavailable, "too many connections wait for the application: come back later"}
}

func failedApplication(err error) *refusal {
	return &refusal{handshakeFailed, http.StatusServiceUnavailable, fmt.Sprintf("the application did not answer (%v): come back later", err)}
}

func deniedByApplication(format string, args ...any) *refusal {
	return &refusal{handshakeForbidden, http.StatusForbidden, "the application refused: " + fmt.Sprintf(format, args...)}
}

// aboutPlain asks about each event that is configured, in the order in which an SDK client would meet them.
func (h *hooks) aboutPlain(ctx context.Context, room string) *refusal {
	life, cancel := context.WithCancel(h.life)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	client := randomWord(16)
	given := false
	for _, event := range []string{onConnect, onSubscribe} {
		if !h.wants(event) || event == onSubscribe && given {
			continue
		}
		q := &webhook.Request{Event: event, Client: client, Transport: "websocket", Protocol: "plain"}
		if event == onConnect {
			q.Channels = []string{room}
		} else {
			q.Channel = room
		}
		a, err := h.client.Ask(life, q)
		switch {
		case err != nil && ctx.Err() != nil:
			return failedApplication(errHandshakeGone)
		case err != nil:
			h.complain(event, err)
			return failedApplication(errors.New("webhook failed"))
		case a.Disconnect != nil:
			return deniedByApplication("%s", a.Disconnect.Reason)
		case a.Error != nil:
			return deniedByApplication("%s", a.Error.Message)
		case a.User != "":
			return deniedByApplication("it names a user, and a plain client has none: connect to %s", sessionPath)
		case !a.ExpireAt.IsZero():
			return deniedByApplication("it limits the time (%s), and a plain client cannot renew it: connect to %s", a.ExpireAt.UTC().Format(time.RFC3339), sessionPath)
		}
		_, named := a.Subs[room]
		given = named || slices.Contains(a.Channels, room)
	}
	return nil
}

// stopping is the answer to a handshake during the drain.
func stopping() *refusal {
	return &refusal{handshakeDraining, http.StatusServiceUnavailable, "the server is stopping: come back in a moment"}
}
