package home

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/throng-chat/throng/server/broker"
)

// errReplaced is permanent: the log has another identity than before.
var errReplaced = errors.New("the log was replaced by another one: stop throng before you change its data directory")

// Open opens the log, replays it into the rooms, and fences it: appends of earlier owners are refused from then on. It reports its progress in
// the log of the program, and blocks until Add accepts proposals, or returns an error.
func (h *Home) Open(ctx context.Context) error {
	_, err := h.load(ctx)
	return err
}

// Start is Open for the start of the program, on one node. It also returns nil if the log is read and the disk has no space for the fence, unless
// the rooms need repairs. Then Add returns ErrNotReady until Run has opened the log again.
func (h *Home) Start(ctx context.Context) error {
	isWhole, err := h.load(ctx)
	if !isWhole || !errors.Is(err, broker.ErrFull) {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failLocked(err)
	return nil
}

// load is Open. isWhole reports whether the whole log is read and needs no repair, also with an error.
func (h *Home) load(ctx context.Context) (isWhole bool, err error) {
	start := time.Now()
	log, err := h.openLog(ctx)
	if err != nil {
		return false, err
	}
	r := replay{home: h, log: log, start: start}
	if err := r.run(ctx); err != nil {
		h.mu.Lock()
		h.state, h.cause = Failed, err
		h.mu.Unlock()
		log.Close()
		return r.isWhole, err
	}
	h.mu.Lock()
	h.state, h.cause = Ready, nil
	if h.drained != nil {
		h.state = Closing
	}
	h.mu.Unlock()
	h.cfg.Log.Info("durable rooms are available", "records", r.records, "entries", r.entries, "damaged", r.damaged, "term", h.term,
		"after", time.Since(start).Round(time.Millisecond).String())
	return true, nil
}

// openLog opens the log, which must be the one of before.
func (h *Home) openLog(ctx context.Context) (broker.Log, error) {
	log, err := h.cfg.Engine.Open(ctx, h.cfg.Shard)
	if err != nil {
		return nil, fmt.Errorf("open the log of durable rooms: %w", err)
	}
	if h.id == "" {
		h.id = log.ID()
	}
	if h.id != log.ID() {
		log.Close()
		return nil, fmt.Errorf("%w: its ID was %s, and is %s", errReplaced, h.id, log.ID())
	}
	h.mu.Lock()
	h.state, h.log, h.appends = Opening, log, 0
	h.mu.Unlock()
	return log, nil
}
