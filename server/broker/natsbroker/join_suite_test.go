//go:build !nonats

package natsbroker

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/testkit"
)

// shortSuite are the cases of the suite that three replicas can break. The others take five minutes more: with THRONG_ALL_CASES=1, as in make torture-durable.
var shortSuite = []string{"RecordsSurviveARestart", "AnEarlierOwnerIsFenced"}

// The suite on three embedded engines. Node a starts and stops with each case; b and c run all the time, so a majority stores.
func TestThreeEmbeddedEnginesKeepTheirPromises(t *testing.T) {
	t.Parallel()
	all := os.Getenv("THRONG_ALL_CASES") != ""
	var one sync.Mutex // a case at a time
	ports := joinOptions(t)
	optionsOf := func(t testing.TB, i int) Options {
		o := testOptions(t)
		join := *ports.Join
		join.Node, join.Listen = string(rune('a'+i)), join.Peers[i]
		o.Cluster, o.Join = ports.Cluster, &join
		return o
	}
	var others []*faulty
	for i := range 2 {
		others = append(others, openFaulty(t, optionsOf(t, i+1)))
	}
	dir := t.TempDir()
	t.Run("R3", func(t *testing.T) {
		brokertest.Run(t, func(t testing.TB) brokertest.Config {
			if name := path.Base(t.Name()); !all && !slices.Contains(shortSuite, name) {
				t.Skip("a short run")
			}
			one.Lock()
			t.Cleanup(one.Unlock)
			t.Cleanup(func() {
				removeStreams(t, others[0].engine)
				if err := os.Remove(filepath.Join(dir, marksFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Error(err)
				}
			})
			o := optionsOf(t, 0)
			o.Dir = dir
			var a *faulty
			return brokertest.Config{
				Start: func(t testing.TB) broker.Engine {
					a = openFaulty(t, o)
					awaitStorage(t, a.engine)
					return a.engine
				},
				Peer: func(testing.TB) broker.Engine { return others[0].engine },
				Down: func(on bool) { a.setDown(on) },
				Full: func(on bool) { a.setFull(on) },
				Drop: func(on bool) {
					if i, err := others[0].engine.running(context.Background()); on && err == nil {
						i.conn.Close() // messages to a node that starts again are lost
					}
				},
			}
		})
	})
	if i, err := others[0].engine.running(t.Context()); err != nil || i.server.NumRoutes() != 2*i.server.NumRemotes() {
		t.Errorf("got %v, or more than two connections to another node: one for the rooms, one for the storage", err)
	}
}

// awaitStorage waits until a node knows the leaders of all streams, and all nodes can store.
func awaitStorage(t testing.TB, e *engine) {
	t.Helper()
	testkit.Eventually(t, "leaders of the streams", func() bool {
		i, err := e.running(t.Context())
		if err != nil {
			return false
		}
		names := i.js.StreamNames(t.Context())
		for name := range names.Name() {
			if _, err := i.js.Stream(t.Context(), name); err != nil {
				return false
			}
		}
		scratch := jetstream.StreamConfig{Name: "SCRATCH", Replicas: 3}
		if _, err := i.js.CreateStream(t.Context(), scratch); err != nil {
			return false
		}
		return i.js.DeleteStream(t.Context(), scratch.Name) == nil && names.Err() == nil
	})
}

// removeStreams removes the streams of a case.
func removeStreams(t testing.TB, e *engine) {
	testkit.Eventually(t, "end of the streams", func() bool {
		i, err := e.running(context.Background())
		if err != nil {
			return false
		}
		left, names := 0, i.js.StreamNames(context.Background())
		for name := range names.Name() {
			left++
			if strings.HasPrefix(name, "THRONG_") || strings.HasPrefix(name, "KV_") || name == "SCRATCH" {
				if err := i.js.DeleteStream(context.Background(), name); err != nil {
					t.Logf("delete %s: %v", name, err)
				}
			}
		}
		return names.Err() == nil && left == 0
	})
}
