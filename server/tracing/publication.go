package tracing

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Publication is the span of one publication, from its acceptance to the last shard that has written it. Its events are committed (in a room
// with a log), posted (to so many shards) and written (by a shard). A nil *Publication is none: its methods do nothing. Any goroutine may call
// them; they do not block.
type Publication struct {
	span trace.Span
	left atomic.Int32 // the publisher until Done, and the shards that have not written
}

// Publication begins the span of a publication in a room. It goes on with the trace of ctx, if that has one, or begins one.
func (t *Tracer) Publication(ctx context.Context, room string, size int) *Publication {
	if t == nil || !t.sampled(ctx) {
		return nil
	}
	_, span := t.spans.Start(ctx, "publication", trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
		attribute.String("throng.room", room), attribute.Int("throng.bytes", size)))
	p := &Publication{span: span}
	p.left.Store(1)
	return p
}

// Committed notes that the publication is in the log of its room.
func (p *Publication) Committed() {
	if p != nil {
		p.span.AddEvent("committed")
	}
}

// Posted notes that the publication is posted to so many shards. Each of them calls Written.
func (p *Publication) Posted(shards int) {
	if p != nil {
		p.left.Add(int32(shards))
		p.span.AddEvent("posted", trace.WithAttributes(attribute.Int("throng.shards", shards)))
	}
}

// Written notes that a shard has written the publication to its members, or has put it into their outboxes.
func (p *Publication) Written(shard int) {
	if p != nil {
		p.span.AddEvent("written", trace.WithAttributes(attribute.Int("throng.shard", shard)))
		p.release()
	}
}

// Done notes that the publisher has its result: the offset, or why nothing is published. It is called once.
func (p *Publication) Done(offset uint64, rejected string) {
	if p == nil {
		return
	}
	if rejected != "" {
		p.span.SetStatus(codes.Error, rejected)
	} else if offset > 0 {
		p.span.SetAttributes(attribute.Int64("throng.offset", int64(offset)))
	}
	p.release()
}

func (p *Publication) release() {
	if p.left.Add(-1) == 0 {
		p.span.End()
	}
}
