package server

import (
	"context"
	"fmt"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/embedded"
	"github.com/throng-chat/throng/server/session"
)

// Publication is a publication that the program receives. Its bytes, tags and infos are shared: do not change them.
type Publication = embedded.Publication

// Position is a place in the sequence of publications of a room.
type Position = embedded.Position

// Types of the data of a Publication.
const (
	JSON   = embedded.JSON
	Text   = embedded.Text
	Binary = embedded.Binary
)

// SubscribeOptions are the options of Subscribe. The zero value begins with the next publication, has a queue of 1 MiB, and ends at a gap.
type SubscribeOptions = embedded.Options

// PatternOptions are the options of SubscribePattern. The zero value has a queue of 1 MiB, and ends at a gap.
type PatternOptions = embedded.PatternOptions

// Subscription is a subscription of the program.
type Subscription = embedded.Subscription

// Gap is a part of the sequence of a room that a subscription does not receive.
type Gap = embedded.Gap

// GapError is the error of a subscription that ended at a gap.
type GapError = embedded.GapError

// Activity is what a client has done: it connected, joined a room, left it or disconnected.
type Activity = embedded.Activity

// Kinds of activities.
const (
	Connected    = embedded.Connected
	Disconnected = embedded.Disconnected
	Joined       = embedded.Joined
	Left         = embedded.Left
)

// WatchOptions are the options of Watch. The zero value has all kinds, a queue of 1 MiB, and ends when that is full.
type WatchOptions = embedded.WatchOptions

// LostError is the error of a subscription of Watch that ended because its queue was full.
type LostError = embedded.LostError

// Errors of subscriptions of the program.
var (
	ErrClosed     = embedded.ErrClosed
	ErrNotRunning = embedded.ErrNotRunning
)

// Subscribe calls do with each publication in a room, in order, until ctx ends, do returns an error, or the subscription is closed. do runs on a goroutine
// of the subscription, one call at a time. It may block and call the server: clients do not wait for it, and what it has not received waits in a queue. When the
// queue is full, the subscription continues in the history; publications that the history does not have are a gap. Any goroutine may call it, from Ready
// until Run ends.
func (s *Server) Subscribe(ctx context.Context, room string, o SubscribeOptions, do func(Publication) error) (*Subscription, error) {
	if e := s.api.CheckRoom(room); e != nil {
		return nil, &CallError{Code: e.Code, Message: e.Message, Temporary: e.Temporary}
	}
	return s.subscriptions.Subscribe(ctx, room, o, do)
}

// SubscribePattern is Subscribe to all rooms of a pattern, a room name or the beginning of room names and a star, such as "chat:*". It begins with the
// next publication, and receives also those of rooms without members. It does not continue in histories: publications that find its queue full are a gap.
// Each room has its order.
func (s *Server) SubscribePattern(ctx context.Context, pattern string, o PatternOptions, do func(Publication) error) (*Subscription, error) {
	if !chat.ValidPattern(pattern) {
		text := fmt.Sprintf("bad request: pattern %q: must be a room name, or the beginning of room names and a star, such as \"chat:*\"", pattern)
		return nil, &CallError{Code: session.ErrBadRequest.Code, Message: text}
	}
	return s.subscriptions.SubscribePattern(ctx, pattern, o, do)
}

// Watch calls do with what clients of this server do, as Subscribe does with publications. In a cluster, these are the clients of this node. To decide
// about clients, use Config.Webhooks.Handler.
func (s *Server) Watch(ctx context.Context, o WatchOptions, do func(Activity) error) (*Subscription, error) {
	return s.subscriptions.Watch(ctx, o, do)
}

// Typed returns a function for Subscribe to a room whose publications are JSON of one type. Another publication ends the subscription with an error.
func Typed[T any](do func(Publication, T) error) func(Publication) error { return embedded.Typed(do) }
