package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"

	"github.com/throng-chat/throng/server/admin"
	"github.com/throng-chat/throng/server/audit"
	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/cluster"
	"github.com/throng-chat/throng/server/dump"
)

// exports writes what a server that runs has stored. Any goroutine may call its methods.
type exports struct {
	engine broker.Engine // nil: nothing is stored
	node   *cluster.Node // nil: no node of a cluster
	audit  *audit.Log
	log    *slog.Logger
	busy   atomic.Bool // one export at a time: each reads the whole log
}

// export writes the lines and returns the summary. It blocks.
func (x *exports) export(ctx context.Context, by audit.Actor, keys bool, out io.Writer) (any, error) {
	if x.engine == nil {
		return nil, admin.ErrNothingStored
	}
	if err := x.available(); err != nil {
		return nil, err
	}
	if !x.busy.CompareAndSwap(false, true) {
		return nil, admin.ErrExporting
	}
	defer x.busy.Store(false)
	sum, err := dump.ExportLive(ctx, x.engine, keys, out)
	if why := x.available(); err != nil && why != nil {
		err = fmt.Errorf("%w (%w)", why, err)
		sum.Error = err.Error()
	}
	entry := audit.Entry{Action: audit.Export, Actor: by}
	if err != nil {
		entry.Error = err.Error()
	}
	x.audit.Record(entry)
	switch {
	case errors.Is(err, context.Canceled):
	case err != nil:
		x.log.Warn("export of the stored data", "by", by.String(), "error", err)
	default:
		x.log.Info("export of the stored data", "by", by.String(), "publications", sum.Exported.Publications, "keys", sum.Tables.Keys)
	}
	return sum, err
}

// available returns why this node cannot read what the cluster has stored, or nil.
func (x *exports) available() error {
	if x.node == nil {
		return nil
	}
	if err := x.node.Available(); err != nil {
		return fmt.Errorf("%w, which an export needs: %w: name the admin port of a node that reaches one, or export later", admin.ErrNoMajority, err)
	}
	return nil
}
