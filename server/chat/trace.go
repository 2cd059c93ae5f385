package chat

import (
	"context"
	"math/bits"

	"github.com/throng-chat/throng/server/tracing"
)

// Publications with a span: few of them, by the settings under [tracing]. The span of a publication that this node sends to the owner of a log ends
// with the answer: the record that comes back has no trace.

// traceLocked makes the shards of a room note when they have written a publication, and returns those to wake. The room's lock is held.
func (h *Hub) traceLocked(r *Room, p *tracing.Publication) (wake uint64) {
	shards := r.ShardsLocked()
	p.Posted(bits.OnesCount64(shards))
	return h.CallWhenWritten(shards, p.Written)
}

// tracePlain begins the span of a publication of a plain client; nil for most.
func (h *Hub) tracePlain(r *Room, payload []byte) *tracing.Publication {
	return h.Tracer.Publication(context.Background(), r.Name, len(payload))
}

// traced returns a Done that notes the result in the span, too.
func traced(p *tracing.Publication, done Done) Done {
	if p == nil {
		return done
	}
	return func(at StreamPosition, e *Rejection) {
		p.Done(at.Offset, rejectionText(e))
		done(at, e)
	}
}

// rejectionText returns the reason of a rejection for a span; empty for none.
func rejectionText(e *Rejection) string {
	switch {
	case e == nil:
		return ""
	case e.Detail != "":
		return e.Detail
	}
	return [RejectionCauses]string{
		CauseInternal: "internal error", CauseTimeout: "timeout", CauseUnknownRoom: "unknown room", CauseDenied: "denied", CauseLimit: "over a limit",
		CauseInvalid: "invalid", CauseRate: "over a rate", CauseUnrecoverable: "unrecoverable", CauseUnavailable: "not available",
	}[e.Cause]
}
