//go:build unix

package netpoll

import (
	"testing"
	"time"

	"github.com/lesismal/nbio"
	"github.com/lesismal/nbio/logging"
)

func start(t *testing.T, pollers int) *nbio.Engine {
	t.Helper()
	logging.SetLevel(logging.LevelNone)
	engine := nbio.NewEngine(nbio.Config{NPoller: pollers, EpollMod: nbio.EPOLLET})
	engine.OnRead(func(nc *nbio.Conn) {
		if w, ok := nc.Session().(*wakeup); ok {
			w.onRead()
		}
	})
	if err := engine.Start(); err != nil {
		t.Fatal(err)
	}
	return engine
}

func TestEachPollerIsWoken(t *testing.T) {
	const pollers = 3
	engine := start(t, pollers)
	defer engine.Stop()
	for i := range pollers {
		calls := make(chan struct{}, 10)
		w, err := newWakeup(engine, i, pollers, func() { calls <- struct{}{} })
		if err != nil {
			t.Fatal(err)
		}
		defer w.close()
		if got := w.nc.Hash() % pollers; got != i {
			t.Errorf("got poller %d, want %d", got, i)
		}
		<-calls // the one of newWakeup
		if err := w.wake(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-calls:
		case <-time.After(time.Minute):
			t.Fatalf("poller %d was not woken", i)
		}
	}
}

// If nbio's Stop is called before its pollers have begun, they do not see it and never end. newWakeup waits for them.
func TestAnEngineMayStopAsSoonAsItHasStarted(t *testing.T) {
	for range 200 {
		engine := start(t, 2)
		var wakers []*wakeup
		for i := range 2 {
			w, err := newWakeup(engine, i, 2, func() {})
			if err != nil {
				t.Fatal(err)
			}
			wakers = append(wakers, w)
		}
		stopped := make(chan struct{})
		go func() {
			engine.Stop()
			close(stopped)
		}()
		select {
		case <-stopped:
		case <-time.After(time.Minute):
			t.Fatal("the engine does not stop")
		}
		for _, w := range wakers {
			if err := w.close(); err != nil {
				t.Error(err)
			}
		}
	}
}
