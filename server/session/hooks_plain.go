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

// Proxy requests for plain clients. They are sent before the 101 response, on the goroutine of the HTTP request. Without them, a client could
// use /ws to avoid the decision of the application.

// MaxPlainWaiting is the number of handshakes of plain clients that wait for the application, at most. Each holds a socket and a goroutine.
const MaxPlainWaiting = 512

var (
	errClientGone     = errors.New("the client disconnected")
	ErrPlainQueueFull = errors.New("too many connections wait for the application")
)

// PlainDenied is the error of AdmitPlain if the application rejects the client: its reason.
type PlainDenied string

// Error returns the reason for the log.
func (d PlainDenied) Error() string { return "rejected by the application: " + string(d) }

// ProxiesPlain reports whether the application decides about plain clients.
func (h *Hooks) ProxiesPlain() bool { return h.wants(OnConnect) || h.wants(OnSubscribe) }

// AdmitPlain requests the decision of the application about a plain client that connects to a room. A plain client has no user, and its
// subscription has no end: a reply with a user or an expiry rejects it. The error is a PlainDenied, ErrPlainQueueFull, or the reason for a
// missing reply. AdmitPlain blocks until the reply, for twice the webhook timeout at most, or until ctx is done because the client has
// disconnected.
func (h *Hooks) AdmitPlain(ctx context.Context, from netip.Addr, room string) error {
	evicted := make(chan struct{})
	at := h.Plain.Acquire(from, func() { close(evicted) })
	if at == nil {
		return ErrPlainQueueFull
	}
	defer h.Plain.Release(at)
	answered := make(chan error, 1)
	if !h.AdmissionWorkers.Do(from, func() { answered <- h.proxyPlain(ctx, room) }, func() { answered <- ErrPlainQueueFull }) {
		return ErrPlainQueueFull
	}
	select {
	case err := <-answered:
		return err
	case <-evicted:
		return ErrPlainQueueFull
	case <-ctx.Done():
		return errClientGone
	}
}

// proxyPlain sends a proxy request for each configured event, in the order of an SDK client: connect, then subscribe.
func (h *Hooks) proxyPlain(ctx context.Context, room string) error {
	life, cancel := context.WithCancel(h.Life)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	client := RandomID(16)
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
		a, err := h.Client.Proxy(life, q)
		switch {
		case err != nil && ctx.Err() != nil:
			return errClientGone
		case err != nil:
			h.logFailure(event, err)
			return errors.New("webhook failed")
		case a.Disconnect != nil:
			return PlainDenied(a.Disconnect.Reason)
		case a.Error != nil:
			return PlainDenied(a.Error.Message)
		case a.User != "":
			return PlainDenied("the reply has a user, but a plain client has none: connect to " + chat.SessionPath)
		case !a.ExpireAt.IsZero():
			return PlainDenied(fmt.Sprintf("the reply has an expiry (%s), but a plain client cannot refresh: connect to %s",
				a.ExpireAt.UTC().Format(time.RFC3339), chat.SessionPath))
		}
		_, named := a.Subs[room]
		given = named || slices.Contains(a.Channels, room)
	}
	return nil
}
