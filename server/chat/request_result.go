package chat

import (
	"github.com/throng-chat/throng/server/cluster/link"
	"github.com/throng-chat/throng/server/record"
)

// The results of requests of this node, which the log has.

// noteResult notes an entry of a request of this node.
func (du *Durable) noteResult(e *record.Entry) {
	if du.requests == nil || e.Edge != du.requests.Edge {
		return
	}
	result := link.Result{Number: e.EdgeNumber}
	if e.Kind == record.Publish && e.Offset > 0 {
		result.Offset, result.Epoch = e.Offset, du.epoch(e.Generation)
	}
	if n := len(du.seen); n > 0 && du.seen[n-1].Number == e.EdgeNumber { // the last entry of a request counts
		du.seen[n-1] = result
		return
	}
	du.seen = append(du.seen, result)
}

// completed ends a request that is committed: the entry in the log is the answer. It returns false if there is no request.
func (du *Durable) completed(from link.Origin, at StreamPosition) bool {
	if from == (link.Origin{}) {
		return false
	}
	if q := du.requests; q != nil && from.Edge == q.Edge {
		q.Applied(du.applied.Load(), []link.Result{{Number: from.Number, Offset: at.Offset, Epoch: at.Epoch}})
	}
	return true
}
