//go:build !nonats

package natsbroker

import (
	"context"
	"errors"
	"fmt"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/datadir"
)

// Open locks the data directory and starts the engine on it. It blocks while the engine reads its files. Errors: those of datadir.Open,
// ErrFull, ErrUnavailable, ErrLeftOut. The engine needs Close.
func Open(o Options) (broker.Engine, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	if o.External != nil {
		return openExternal(o)
	}
	var peers *peerWatch
	if o.Join != nil { // before the server of this node disturbs the others
		if peers, err = newPeerWatch(&o); err != nil {
			return nil, err
		}
		peers.look(context.Background(), "")
		if err := peers.taken(); err != nil {
			return nil, err
		}
		o.twin = peers.meet
	}
	dir, err := datadir.Open(o.Dir, o.owner())
	if err != nil {
		return nil, err
	}
	e, err := newEngine(o, dir, startInstance, dir.Space)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("data directory %s: %w", dir.Path(), err), dir.Close())
	}
	if peers != nil {
		e.peers = peers
		go peers.run(e.closing, e.routes)
	}
	return e, nil
}

// openExternal starts an engine on an external cluster.
func openExternal(o Options) (broker.Engine, error) {
	if err := o.External.checkFiles(); err != nil {
		return nil, err
	}
	e, err := newEngine(o, noPlace{o.External}, startExternal, noSpace)
	if err != nil {
		return nil, err
	}
	return e, nil
}
