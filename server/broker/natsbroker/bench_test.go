//go:build linux && !nonats

package natsbroker

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/throng-chat/throng/server/broker"
)

// publication is the size of a publication of the benchmarks, in bytes; entry adds what a record keeps with it.
const (
	publication = 128
	entry       = publication + 60
)

// gatherer does what the owner of rooms does: a record has everything that was published while the appends before it were open.
type gatherer struct {
	mu       sync.Mutex
	log      broker.Log
	expected uint64
	open     int
	record   []byte
	waiting  []chan error
	records  int
}

// publish waits until the publication is committed.
func (g *gatherer) publish(b []byte, done chan error) error {
	g.mu.Lock()
	g.record = append(binary.BigEndian.AppendUint32(g.record, uint32(len(b))), b...)
	g.waiting = append(g.waiting, done)
	g.flushLocked()
	g.mu.Unlock()
	return <-done
}

func (g *gatherer) flushLocked() {
	if len(g.record) == 0 || g.open == broker.MaxAppends {
		return
	}
	waiting := g.waiting
	g.open++
	g.log.Append(g.expected, g.record, func(err error) {
		for _, w := range waiting {
			w <- err
		}
		g.mu.Lock()
		g.open--
		g.flushLocked()
		g.mu.Unlock()
	})
	g.expected++
	g.records++
	g.record, g.waiting = nil, nil
}

// rawRate is how often a second one goroutine writes a publication to a file of the same disk and syncs it.
func rawRate(b *testing.B, dir string) (perSecond float64, p99 time.Duration) {
	f, err := os.Create(filepath.Join(dir, "raw"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	var took []time.Duration
	for begin := time.Now(); time.Since(begin) < time.Second; {
		start := time.Now()
		if _, err := f.Write(make([]byte, publication)); err != nil {
			b.Fatal(err)
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return float64(len(took)), took[len(took)*99/100]
}

// BenchmarkRecords measures committed publications per second of closed-loop publishers, beside the raw rate of the same disk before and
// after. Goals: 1 publisher 0.5 times the raw rate, 64 publishers 10 times, 1,000 publishers 30 times.
func BenchmarkRecords(b *testing.B) {
	for _, publishers := range []int{1, 64, 1000} {
		b.Run(fmt.Sprintf("publishers=%d", publishers), func(b *testing.B) {
			o := testOptions(b)
			e := open(b, o)
			before, rawP99 := rawRate(b, o.Dir)
			g := &gatherer{log: openedLog(b, e)}
			took := make([][]time.Duration, publishers)
			var wait sync.WaitGroup
			begin := time.Now()
			for b.Loop() { // one iteration is 3 s
				for p := range publishers {
					wait.Go(func() {
						done, message := make(chan error, 1), make([]byte, entry)
						for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
							start := time.Now()
							if err := g.publish(message, done); err != nil {
								b.Errorf("publish: %v", err)
								return
							}
							took[p] = append(took[p], time.Since(start))
						}
					})
				}
				wait.Wait()
			}
			elapsed := time.Since(begin).Seconds()
			after, _ := rawRate(b, o.Dir)
			all := slices.Concat(took...)
			slices.Sort(all)
			raw := (before + after) / 2
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(len(all))/elapsed, "acks/s")
			b.ReportMetric(raw, "raw/s")
			b.ReportMetric(float64(len(all))/elapsed/raw, "x-raw")
			b.ReportMetric(float64(len(all))/float64(g.records), "acks/record")
			b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(float64(rawP99.Microseconds())/1000, "raw-p99-ms")
		})
	}
}

// BenchmarkReplay measures the start of an engine with 1,000,000 stored publications in 20,000 records. Goal: 3 s, with the owner's work.
func BenchmarkReplay(b *testing.B) {
	const records, each = 20_000, 50
	o := testOptions(b)
	o.NoSync = true // only while the records are made
	e := open(b, o)
	l := openedLog(b, e)
	results := make(chan error, records)
	for i := range uint64(records) {
		if i >= broker.MaxAppends {
			if err := <-results; err != nil {
				b.Fatal(err)
			}
		}
		l.Append(i, make([]byte, each*entry), func(err error) { results <- err })
	}
	for range broker.MaxAppends {
		if err := <-results; err != nil {
			b.Fatal(err)
		}
	}
	if err := e.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
	o.NoSync = false
	for b.Loop() {
		begin := time.Now()
		e := open(b, o)
		opened := time.Since(begin)
		l := openedLog(b, e)
		var bytes int
		last, err := l.Replay(context.Background(), 0, func(_ uint64, record []byte) error { bytes += len(record); return nil })
		if err != nil || last != records || bytes != records*each*entry {
			b.Fatalf("Replay: %d records, %d bytes, %v", last, bytes, err)
		}
		b.ReportMetric(opened.Seconds(), "s-open")
		b.ReportMetric(time.Since(begin).Seconds(), "s-total")
		b.ReportMetric(float64(bytes)/1e6, "MB")
		if err := e.Close(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
