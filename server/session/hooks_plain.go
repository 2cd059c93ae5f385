package session

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/webhook"
)

// A plain client is asked about before its 101, on the goroutine of its request, so that /ws is no way around the application.

var (
	errHandshakeGone = errors.New("the client has gone")
	ErrPlainCrowded  = errors.New("too many connections wait for the application")
)

// PlainDenied is an error: the application does not let a plain client in. It says why.
type PlainDenied string

func (d PlainDenied) Error() string { return "the application refused: " + string(d) }

// AsksPlain reports whether the application is asked before a plain client is let in.
func (h *Hooks) AsksPlain() bool { return h.wants(OnConnect) || h.wants(OnSubscribe) }

// AdmitPlain asks the application whether a plain client of an address may connect and enter a room. The client is nobody in particular,
// and in that one room for as long as it wishes: an answer that says otherwise cannot be kept, and refuses it. The error is a plainDenied,
// errPlainCrowded, or says why there was no answer. admitPlain blocks until the application has answered, for twice the time-out of
// webhooks at most, or ctx is done, as the client has gone.
func (h *Hooks) AdmitPlain(ctx context.Context, from netip.Addr, room string) error {
	makeRoom := make(chan struct{})
	at := h.Plain.Enter(from, func() { close(makeRoom) })
	if at == nil {
		return ErrPlainCrowded
	}
	defer h.Plain.Leave(at)
	answered := make(chan error, 1)
	if !h.Admitters.Do(from, func() { answered <- h.aboutPlain(ctx, room) }, func() { answered <- ErrPlainCrowded }) {
		return ErrPlainCrowded
	}
	select {
	case err := <-answered:
		return err
	case <-makeRoom:
		return ErrPlainCrowded
	case <-ctx.Done():
		return errHandshakeGone
	}
}

// aboutPlain asks about each event that is configured, in the order in which an SDK client would meet them.
func (h *Hooks) aboutPlain(ctx context.Context, room string) error {
	life, cancel := context.WithCancel(h.Life)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	client := RandomWord(16)
	given := false
	for _, event := range []string{OnConnect, OnSubscribe} {
		if !h.wants(event) || event == OnSubscribe && given {
			continue
		}
		q := &webhook.Request{Event: event, Client: client, Transport: "websocket", Protocol: "plain"}
		if event == OnConnect {
			q.Channels = []string{room}
		} else {
			q.Channel = room
		}
		a, err := h.Client.Ask(life, q)
		switch {
		case err != nil && ctx.Err() != nil:
			return errHandshakeGone
		case err != nil:
			h.complain(event, err)
			return errors.New("webhook failed")
		case a.Disconnect != nil:
			return PlainDenied(a.Disconnect.Reason)
		case a.Error != nil:
			return PlainDenied(a.Error.Message)
		case a.User != "":
			return PlainDenied("it names a user, and a plain client has none: connect to " + chat.SessionPath)
		case !a.ExpireAt.IsZero():
			return PlainDenied(fmt.Sprintf("it limits the time (%s), and a plain client cannot renew it: connect to %s",
				a.ExpireAt.UTC().Format(time.RFC3339), chat.SessionPath))
		}
		_, named := a.Subs[room]
		given = named || slices.Contains(a.Channels, room)
	}
	return nil
}
