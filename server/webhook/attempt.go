package webhook

import (
	"context"
	"time"

	"github.com/throng-chat/throng/server/tracing"
)

// attempt is one request, or one call of a handler.
type attempt struct {
	client  *Client
	event   string
	started time.Time
	span    tracing.Span
}

// begin begins an attempt. The request has the context that it returns. id is that of the request, empty for a proxy request to a handler.
func (c *Client) begin(ctx context.Context, event, id string) (context.Context, attempt) {
	ctx, span := c.tracer.Webhook(ctx, event)
	if id != "" {
		span.Set("throng.webhook.id", id)
	}
	return ctx, attempt{c, event, c.now(), span}
}

// end ends the attempt, and passes its result to observe.
func (a attempt) end(r Result) {
	a.span.Set("throng.webhook.result", string(r))
	if r != OK && r != Rejected {
		a.span.Fail(string(r))
	}
	a.span.End()
	a.client.observe(a.event, r, a.client.now().Sub(a.started))
}
