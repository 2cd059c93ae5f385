package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Handler replaces the requests to an application by calls of a function, in a program that embeds throng. The Client calls it on its own goroutines
// and on those of its callers, never on the event loop: MaxFiles calls at a time at most. It must return when ctx is done. It must not change
// the request. A nil reply allows. An error, or a panic, is a failure like that of an HTTP request: the command of the client fails, and a notification is
// sent again.
type Handler func(ctx context.Context, r *Request) (*Reply, error)

// call calls the handler. The reply is not nil unless there is a failure.
func (h Handler) call(ctx context.Context, r *Request) (reply *Reply, f *failure) {
	defer func() {
		if p := recover(); p != nil {
			reply, f = nil, &failure{BadReply, true, fmt.Errorf("the handler panicked: %v", p)}
		}
	}()
	reply, err := h(ctx, r)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, &failure{TimedOut, false, errors.New("timeout: no reply of the handler")}
	case err != nil:
		return nil, &failure{Unreachable, false, err}
	case reply == nil:
		return &Reply{}, nil
	}
	if reply, err = reply.normal(); err != nil {
		return nil, &failure{BadReply, true, err}
	}
	return reply, nil
}

// normal returns a reply of a handler as parseReply returns one: checked, with JSON without line breaks.
func (rp *Reply) normal() (*Reply, error) {
	to := *rp
	if rp.Error != nil && rp.Disconnect != nil {
		return nil, errors.New("reply: want one of Error and Disconnect, not both")
	}
	if err := rp.checkRejection(); err != nil {
		return nil, err
	}
	switch {
	case len(rp.User) > maxUser:
		return nil, fmt.Errorf("reply: User: %d bytes, want %d at most", len(rp.User), maxUser)
	case !utf8.ValidString(rp.User):
		return nil, errors.New("reply: User: not UTF-8")
	case len(rp.Meta) > 0 && !json.Valid(rp.Meta):
		return nil, errors.New("reply: Meta: not JSON")
	}
	to.Info, to.Data, to.Meta = compact(rp.Info), compact(rp.Data), compact(rp.Meta)
	if len(rp.Subs) > 0 {
		to.Subs = make(map[string]Sub, len(rp.Subs))
		for room, sub := range rp.Subs {
			to.Subs[room] = Sub{Info: compact(sub.Info), Data: compact(sub.Data)}
		}
	}
	return &to, nil
}

// compact returns JSON without line breaks, and other bytes as they are.
func compact(data []byte) []byte {
	var b bytes.Buffer
	if len(data) == 0 || !utf8.Valid(data) || json.Compact(&b, data) != nil {
		return data
	}
	return b.Bytes()
}

// proxyTo is Proxy for a handler.
func (c *Client) proxyTo(ctx context.Context, h Handler, r *Request) (*Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout())
	defer cancel()
	ctx, at := c.begin(ctx, r.Event, "")
	reply, f := h.call(ctx, r)
	result := OK
	switch {
	case f != nil:
		result = f.result
	case reply.Error != nil || reply.Disconnect != nil:
		result = Rejected
	}
	at.end(result)
	if f != nil {
		return nil, f
	}
	return reply, nil
}
