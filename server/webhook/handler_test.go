package webhook

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/testkit"
)

// handled returns a client whose requests go to a function.
func handled(t *testing.T, timeout time.Duration, h Handler) (*Client, *results) {
	t.Helper()
	rs := &results{}
	c, err := New(Config{Timeout: timeout, Handler: h}, slog.New(slog.DiscardHandler), rs.observe, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c, rs
}

func TestAHandlerReplies(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		h      Handler
		result Result
		says   string // of the error
	}{
		{"allows", func(context.Context, *Request) (*Reply, error) { return nil, nil }, OK, ""},
		{"rejects", func(context.Context, *Request) (*Reply, error) { return &Reply{Error: &Error{Code: 400}}, nil }, Rejected, ""},
		{"fails", func(context.Context, *Request) (*Reply, error) { return nil, errors.New("no database") }, Unreachable, "no database"},
		{"panics", func(context.Context, *Request) (*Reply, error) { panic("test") }, BadReply, "the handler panicked: test"},
		{"waits", func(ctx context.Context, _ *Request) (*Reply, error) { <-ctx.Done(); return nil, ctx.Err() }, TimedOut, "timeout"},
		{"a code of the protocol", func(context.Context, *Request) (*Reply, error) { return &Reply{Error: &Error{Code: 100}}, nil }, BadReply, "want 400 or more"},
		{"a close code", func(context.Context, *Request) (*Reply, error) {
			return &Reply{Disconnect: &Disconnect{Code: 1000}}, nil
		}, BadReply, "want 3000 to 4999"},
		{"both", func(context.Context, *Request) (*Reply, error) {
			return &Reply{Error: &Error{Code: 400}, Disconnect: &Disconnect{Code: 3000}}, nil
		}, BadReply, "not both"},
		{"a long user", func(context.Context, *Request) (*Reply, error) {
			return &Reply{User: strings.Repeat("u", maxUser+1)}, nil
		}, BadReply, "User: "},
		{"no JSON", func(context.Context, *Request) (*Reply, error) { return &Reply{Meta: []byte("x")}, nil }, BadReply, "Meta: not JSON"},
	} {
		c, rs := handled(t, 20*time.Millisecond, tt.h)
		reply, err := c.Proxy(t.Context(), &Request{Event: "connect"})
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) || err == nil && reply == nil {
			t.Errorf("%s: got %+v, %v, want %q", tt.name, reply, err, tt.says)
		}
		if rs.count(tt.result) != 1 {
			t.Errorf("%s: the result is not %s", tt.name, tt.result)
		}
	}
}

// A line break ends a message of the SDK protocol.
func TestTheReplyOfAHandlerHasNoLineBreaks(t *testing.T) {
	t.Parallel()
	c, _ := handled(t, time.Second, func(context.Context, *Request) (*Reply, error) {
		lines := []byte("{\n}")
		return &Reply{Info: lines, Data: []byte("no\nJSON"), Meta: lines, Subs: map[string]Sub{"a": {Info: lines, Data: lines}}}, nil
	})
	reply, err := c.Proxy(t.Context(), &Request{Event: "connect"})
	if err != nil {
		t.Fatal(err)
	}
	if sub := reply.Subs["a"]; string(reply.Info)+string(reply.Meta)+string(sub.Info)+string(sub.Data) != "{}{}{}{}" || string(reply.Data) != "no\nJSON" {
		t.Errorf("got %+v", reply)
	}
}

// A notification is delivered to the handler, again after an error.
func TestNotificationsGoToTheHandler(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	c, _ := handled(t, time.Second, func(_ context.Context, r *Request) (*Reply, error) {
		if r.User != "ann" || calls.Add(1) == 1 {
			return nil, errors.New("later")
		}
		return nil, nil
	})
	stop := run(t, c)
	c.Notify(&Request{Event: "disconnect", User: "ann"})
	testkit.Eventually(t, "the first attempt", func() bool { return calls.Load() > 0 })
	c.Flush(t.Context())
	stop()
	if calls.Load() != 2 || c.Dropped() != 0 {
		t.Errorf("got %d calls and %d dropped, want 2 and 0", calls.Load(), c.Dropped())
	}
}
