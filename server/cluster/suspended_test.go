package cluster

import (
	"log/slog"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/testkit"
)

// A process that did not run for ten seconds does not take the others for silent: it has not read their heartbeats.
func TestAProcessThatWasSuspendedTakesNobodyForSilent(t *testing.T) {
	t.Parallel()
	fake := brokertest.New(brokertest.Options{Seed: 1, Auto: true})
	t.Cleanup(fake.End)
	var log testkit.LogBuffer
	var jump, suspended atomic.Int64
	start := time.Now()
	n := New(Config{Engine: fake.Start("a"), Name: "a", Size: 2, Log: slog.New(slog.NewTextHandler(&log, nil))})
	n.now = func() time.Duration { return time.Since(start) + time.Duration(jump.Load()-suspended.Load()) }
	n.suspend = func(d time.Duration) { suspended.Add(int64(d)) }
	newHub(n)
	go n.Run(t.Context())
	startNode(t, fake, "b")
	testkit.Eventually(t, "a line about node b", func() bool { return strings.Contains(log.String(), "a node has joined") })
	jump.Store(int64(10 * time.Second))
	testkit.Eventually(t, "the end of the suspension", func() bool { return suspended.Load() >= int64(9*time.Second) })
	for range 3 { // further looks
		before := n.now()
		testkit.Eventually(t, "a tick", func() bool { return n.now() > before+2*tick })
	}
	if line := regexp.MustCompile(`.*no heartbeats.* for=1\d(\.\d)?s.*`).FindString(log.String()); line != "" {
		t.Errorf("got the line %s", line)
	}
}
