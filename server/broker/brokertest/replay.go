package brokertest

import (
	"context"

	"github.com/throng-chat/throng/server/broker"
)

// OnReplay returns an engine that calls do before each record of a replay, with its number. An error of do ends the replay. do is called on the
// goroutine of the replay.
func OnReplay(e broker.Engine, do func(seq uint64) error) broker.Engine { return &hookedEngine{e, do} }

type hookedEngine struct {
	broker.Engine
	do func(seq uint64) error
}

func (he *hookedEngine) Open(ctx context.Context, shard int) (broker.Log, error) {
	l, err := he.Engine.Open(ctx, shard)
	return &hookedLog{l, he.do}, err
}

type hookedLog struct {
	broker.Log
	do func(seq uint64) error
}

func (hl *hookedLog) Replay(ctx context.Context, after uint64, f func(uint64, []byte) error) (uint64, error) {
	return hl.Log.Replay(ctx, after, func(seq uint64, b []byte) error {
		if err := hl.do(seq); err != nil {
			return err
		}
		return f(seq, b)
	})
}
