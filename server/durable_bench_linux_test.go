package server

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/throng-chat/throng/server/broker/natsbroker"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/fanout"
	"github.com/throng-chat/throng/server/home"
	"github.com/throng-chat/throng/server/metrics"
)

// BenchmarkDurablePublish measures acknowledged publications of closed-loop publishers, on the file system of TMPDIR. x-raw is their rate as a
// multiple of that of bare writes with fdatasync, measured before and after.
func BenchmarkDurablePublish(b *testing.B) {
	for _, publishers := range []int{1, 64, 1000} {
		for _, rooms := range []int{1, 1000} {
			b.Run(fmt.Sprintf("publishers=%d/rooms=%d", publishers, rooms), func(b *testing.B) { benchDurable(b, publishers, rooms) })
		}
	}
}

func benchDurable(b *testing.B, publishers, rooms int) {
	dir := b.TempDir()
	cfg := DefaultConfig()
	cfg.Rooms = []chat.RoomOptions{durableRoom("d*")}
	h := newHub(cfg, slog.New(slog.DiscardHandler), metrics.New(fanout.CloseLabels()), nil, 2)
	engine, err := natsbroker.Open(natsbroker.Options{Dir: filepath.Join(dir, "data")})
	if err != nil {
		b.Fatal(err)
	}
	h.UseLog(home.Config{Engine: engine, MaxBytes: 256 << 20}, nil)
	if err := h.Durable("").Open(b.Context()); err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { h.Durable("").Run(ctx) })

	before := rawSyncs(b, dir)
	start := time.Now()
	b.ResetTimer()
	var publishing sync.WaitGroup
	for p := range publishers {
		publishing.Go(func() {
			in := h.RoomRef(fmt.Sprint("d", p%rooms))
			pub := chat.Publication{Data: fmt.Appendf(nil, `{"text":"%0110d"}`, p), Form: chat.FormJSON, Info: &chat.ClientInfo{User: "ann", Client: "1"}}
			done := make(chan *chat.Rejection, 1)
			for n := p; n < b.N; n += publishers {
				h.Propose(in, pub, chat.PublishOptions{}, func(_ chat.StreamPosition, e *chat.Rejection) { done <- e })
				if e := <-done; e != nil {
					b.Errorf("rejected: %+v", *e)
					return
				}
			}
		})
	}
	publishing.Wait()
	b.StopTimer()
	rate := float64(b.N) / time.Since(start).Seconds()
	raw := (before + rawSyncs(b, dir)) / 2
	b.ReportMetric(rate, "acks/s")
	b.ReportMetric(rate/raw, "x-raw")
	stop()
	running.Wait()
	if err := engine.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
}

// rawSyncs returns the rate of writes of 128 bytes with fdatasync, one after another.
func rawSyncs(b *testing.B, dir string) float64 {
	f, err := os.Create(filepath.Join(dir, "raw"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	start, n := time.Now(), 0
	for ; time.Since(start) < time.Second/2; n++ {
		if _, err := f.Write(make([]byte, 128)); err != nil {
			b.Fatal(err)
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			b.Fatal(err)
		}
	}
	return float64(n) / time.Since(start).Seconds()
}
