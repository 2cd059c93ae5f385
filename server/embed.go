package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/throng-chat/throng/server/api"
	"github.com/throng-chat/throng/server/webhook"
)

// The interface for a program that embeds a server, besides New and Run. docs/embedding.md describes it.

// Event is what happens, or what a client wants: the argument of Config.Webhooks.Handler.
type Event = webhook.Request

// Reply is the answer to an event that waits for one: an error, a disconnect, or a result.
type Reply = webhook.Reply

// program is the caller of Call: it may call all methods.
var program = api.NewCaller("embedded", api.RoleAll)

// CallError is the error of a method of the server API (docs/codes.md).
type CallError struct {
	Code      uint32
	Message   string
	Temporary bool // the call may succeed later
}

func (cle *CallError) Error() string { return fmt.Sprintf("error %d: %s", cle.Code, cle.Message) }

// Handler returns a handler for the HTTP server of this program: for /ws, /connection/, /api/ or all paths. Config.Mounted must be set. It takes the
// connections from that server, so the server must speak HTTP/1.1 without TLS. Before Run, and when Run ends, it replies with status 503.
func (s *Server) Handler() http.Handler {
	if s.mount == nil {
		panic("server: Handler needs Config.Mounted")
	}
	return s.mount.Handler()
}

// Call calls a method of the server API (docs/api.md), such as "publish" or "subscribe". params and result are encoded as JSON; a nil result is
// not decoded. It waits for what the method waits for, 5 s at most. An error of the method is a *CallError. Any goroutine may call it while Run runs, also a
// Handler of events, but not about the client whose event it is: the connection waits for the Handler.
func (s *Server) Call(ctx context.Context, method string, params, result any) error {
	text, err := json.Marshal(params)
	if err != nil {
		return fmt.Errorf("%s: parameters: %w", method, err)
	}
	answer, e := s.api.CallJSON(api.As(ctx, program, ""), method, text)
	switch {
	case e != nil && errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("%s: %w", method, ctx.Err())
	case e != nil:
		return &CallError{Code: e.Code, Message: e.Message, Temporary: e.Temporary}
	case result == nil:
		return nil
	}
	if err := json.Unmarshal(answer, result); err != nil {
		return fmt.Errorf("%s: result: %w", method, err)
	}
	return nil
}

// Publish publishes data, which is encoded as JSON, to the members of a room. In a durable room it returns when the publication is on disk.
func (s *Server) Publish(ctx context.Context, room string, data any) error {
	return s.Call(ctx, "publish", map[string]any{"channel": room, "data": data}, nil)
}
