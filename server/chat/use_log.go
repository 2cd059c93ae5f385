package chat

import "github.com/throng-chat/throng/server/home"

// UseLog gives the hub a log for its durable rooms. Call it once, before the hub has rooms. The caller opens and runs Hub.Durable.
func (h *Hub) UseLog(cfg home.Config) {
	cfg.KeepKeys, cfg.Metrics, cfg.Log = idempotencyTTL, &h.Metrics.Durable, h.Log
	h.values.onDisk.most, h.snapshots.most = cfg.MaxBytes/diskShare, cfg.MaxBytes/(2*diskShare)
	h.Durable = newDurable()
	h.Durable.Home = home.New(cfg, committer{h})
}
