package brokertest

import (
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker"
)

// Config is an engine that Run tests. Its functions work on the same storage during one test.
type Config struct {
	// Start starts a node. Each later call is a restart: the suite has closed the engine before.
	Start func(t testing.TB) broker.Engine
	// Peer starts a second node beside the first one. nil: the engine has one node.
	Peer func(t testing.TB) broker.Engine
	// Down takes the storage away from the running engines, or gives it back.
	Down func(on bool)
	// Full takes the space from the running engines, or gives it back. nil: not tested.
	Full func(on bool)
	// Advance lets time pass for keys with an end. nil: the time passes by itself.
	Advance func(time.Duration)
	// Drop loses all messages between nodes, with reports. It is needed with Peer.
	Drop func(on bool)
}
