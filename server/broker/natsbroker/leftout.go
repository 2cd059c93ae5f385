//go:build nonats

package natsbroker

import "github.com/throng-chat/throng/server/broker"

const included = false

// Open returns ErrLeftOut.
func Open(Options) (broker.Engine, error) { return nil, ErrLeftOut }
