package chat

import (
	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/cluster/link"
	"github.com/throng-chat/throng/server/home"
)

// UseLog gives the hub another log for its durable rooms: a hash of the name decides which of the logs has a room. Call it before the hub has rooms. The
// caller opens and runs the logs (Hub.Logs). requests are those of this node to the owner of the log; nil on one node.
func (h *Hub) UseLog(cfg home.Config, requests *link.Queue) *Durable {
	du := h.newDurable(cfg, &valueBudget{})
	du.requests = requests
	h.durable = append(h.durable, du)
	return du
}

// memoryGenerationBits is the random bits of a generation of a log in memory: the sides of a partition raise it at the same time.
const memoryGenerationBits = 20

// newDurable returns the part that the rooms of a log share, with a home that is not open.
func (h *Hub) newDurable(cfg home.Config, values *valueBudget) *Durable {
	cfg.KeepKeys, cfg.Metrics, cfg.Log = idempotencyTTL, &h.Metrics.Durable, h.Log
	randomBits := 0
	if cfg.Shard == broker.MemoryShard {
		randomBits = memoryGenerationBits
	}
	du := &Durable{shard: cfg.Shard, positions: newDurablePositions(randomBits), values: values, snapshots: &snapshotBudget{most: cfg.MaxBytes / (2 * diskShare)}}
	values.most = cfg.MaxBytes / diskShare
	du.Home = home.New(cfg, committer{h, du})
	return du
}
