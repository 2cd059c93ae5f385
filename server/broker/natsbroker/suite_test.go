//go:build !nonats

package natsbroker

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/broker/datadir"
	"github.com/throng-chat/throng/server/testkit"
)

// testOptions are the options of a test: any free space is enough.
func testOptions(t testing.TB) Options {
	return Options{Dir: t.TempDir(), Floor: &datadir.Floor{}, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

func open(t testing.TB, o Options) broker.Engine {
	t.Helper()
	e, err := Open(o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	closeAfter(t, e)
	return e
}

func closeAfter(t testing.TB, e broker.Engine) {
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

// faulty is an engine whose server and disk the test takes away.
type faulty struct {
	t          testing.TB
	engine     *engine
	down, full atomic.Bool
}

func openFaulty(t testing.TB, o Options) *faulty {
	t.Helper()
	o, err := o.complete()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := datadir.Open(o.Dir, o.owner())
	if err != nil {
		t.Fatal(err)
	}
	f := &faulty{t: t}
	o.Floor = &datadir.Floor{Bytes: 1}
	f.engine, err = newEngine(o, dir, f.start, f.space)
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, f.engine)
	return f
}

func (f *faulty) start(o Options, dir string) (*instance, error) {
	if f.down.Load() {
		return nil, fmt.Errorf("down: %w", broker.ErrUnavailable)
	}
	return startInstance(o, dir)
}

func (f *faulty) space() (datadir.Space, error) {
	if f.full.Load() {
		return datadir.Space{Size: 1 << 30}, nil
	}
	return datadir.Space{Size: 1 << 30, Free: 1 << 29}, nil
}

// setDown ends the server and keeps the next one from starting.
func (f *faulty) setDown(on bool) {
	f.down.Store(on)
	if i, err := f.engine.running(context.Background()); on && err == nil {
		i.fail(fmt.Errorf("ended by the test: %w", broker.ErrUnavailable))
		testkit.Eventually(f.t, "the end of the server", func() bool { return f.engine.Health().Err != nil })
	}
}

func (f *faulty) setFull(on bool) {
	f.full.Store(on)
	testkit.Eventually(f.t, "a look at the free space", func() bool { return (f.engine.Health().Err != nil) == on })
}

func TestTheEngineKeepsItsPromises(t *testing.T) {
	t.Parallel()
	brokertest.Run(t, func(t testing.TB) brokertest.Config {
		o := testOptions(t)
		var f *faulty
		return brokertest.Config{
			Start: func(t testing.TB) broker.Engine { f = openFaulty(t, o); return f.engine },
			Down:  func(on bool) { f.setDown(on) },
			Full:  func(on bool) { f.setFull(on) },
		}
	})
}
