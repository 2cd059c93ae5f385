package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/datadir"
	"github.com/throng-chat/throng/server/broker/natsbroker"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/cluster"
)

// The data directory, with the log of the durable rooms.

// IsDataInUse reports whether New or Run failed because another process uses the data directory or the name of the node, or because the directory has the
// data of another cluster or program.
func IsDataInUse(err error) bool {
	inUse, foreign, claimed, twin := (*datadir.InUseError)(nil), (*datadir.ForeignError)(nil), (*natsbroker.ClaimedError)(nil), (*cluster.TwinError)(nil)
	return errors.As(err, &inUse) || errors.As(err, &foreign) || errors.As(err, &claimed) || errors.As(err, &twin)
}

// openData opens the data directory; nil if there is none.
func openData(cfg *Config, log *slog.Logger) (broker.Engine, error) {
	dir := cfg.dataDir()
	if cfg.Engine != nil || !cfg.storesData() {
		return cfg.Engine, nil
	}
	o := natsbroker.Options{Dir: dir, Log: log}
	if err := cfg.join(&o); err != nil {
		return nil, err
	}
	if o.Join != nil {
		if err := portIsFree(cfg.ClusterListen); err != nil {
			return nil, err
		}
	}
	engine, err := natsbroker.Open(o)
	if wrong := (*natsbroker.ExternalError)(nil); errors.As(err, &wrong) {
		return nil, fmt.Errorf("%s = %q: %s", natsKeys[wrong.Field], wrong.Found, wrong.Allowed)
	}
	if err != nil && o.External != nil {
		return nil, fmt.Errorf("nats = %q: %w", strings.Join(cfg.NATS, ","), err)
	}
	if claimed := (*natsbroker.ClaimedError)(nil); errors.As(err, &claimed) {
		return nil, fmt.Errorf("node = %q: %w", cfg.Node, err)
	}
	if err != nil {
		return nil, fmt.Errorf("data = %q: %w", dir, err)
	}
	return engine, nil
}

// portIsFree returns an error that wraps EADDRINUSE if another process listens on an address. The storage engine itself would only log that, and
// try again without end. Other errors are those of the engine.
func portIsFree(address string) error {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return err
	}
	if err != nil {
		return nil
	}
	return l.Close()
}

// closeDataTimeout is the time for the engine to complete what it has begun.
const closeDataTimeout = 10 * time.Second

// closeData completes what the engine has begun, and releases the data directory; nil does nothing.
func closeData(engine broker.Engine) error {
	if engine == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeDataTimeout)
	defer cancel()
	if err := engine.Close(ctx); err != nil {
		return fmt.Errorf("close the data directory: %w", err)
	}
	return nil
}

// drainRooms waits until the publications in durable rooms that were accepted are on disk, for at most a time. Later ones are rejected.
func drainRooms(logs []*chat.Durable, most time.Duration, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	for _, d := range logs {
		if err := d.Close(ctx); err != nil {
			log.Error("publications in durable rooms are not on disk, and were not acknowledged", "error", err)
		}
	}
}
