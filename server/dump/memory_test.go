package dump

import (
	"context"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/record"
)

// largeLog is a log of so many records of about 1 MiB, which are made while they are read.
type largeLog struct {
	broker.Log
	records uint64
	record  func(seq uint64) []byte
}

func (ll *largeLog) ID() string { return "large" }

func (ll *largeLog) Extent(context.Context) (first, last uint64, err error) {
	return 1, ll.records, nil
}

func (ll *largeLog) Replay(_ context.Context, _ uint64, f func(uint64, []byte) error) (uint64, error) {
	for seq := uint64(1); seq <= ll.records; seq++ {
		if err := f(seq, ll.record(seq)); err != nil {
			return 0, err
		}
	}
	return ll.records, nil
}

// peakWriter notes the largest heap at any write.
type peakWriter struct {
	out           io.Writer
	written, peak uint64
}

func (pw *peakWriter) Write(b []byte) (int, error) {
	var m runtime.MemStats
	if pw.written/(8<<20) != (pw.written+uint64(len(b)))/(8<<20) {
		runtime.GC()
		runtime.ReadMemStats(&m)
		pw.peak = max(pw.peak, m.HeapAlloc)
	}
	pw.written += uint64(len(b))
	return pw.out.Write(b)
}

// The heap of an export does not depend on the size of the log. Serial: it measures the process.
func TestAnExportReadsOneRecordAtATime(t *testing.T) {
	var w record.Writer
	e := record.Entry{Kind: record.Publish, Room: "a", Generation: 1, Form: 2, Data: []byte(`"` + strings.Repeat("x", 100_000) + `"`)}
	ll := &largeLog{records: 80, record: func(seq uint64) []byte {
		w.Reset()
		for i := range uint64(10) {
			e.Offset = 10*(seq-1) + i + 1
			if err := w.Add(&e); err != nil {
				t.Fatal(err)
			}
		}
		return w.Seal(record.Header{Expected: seq - 1})
	}}
	ll.record(1)
	out := &peakWriter{out: io.Discard}
	ex, err := Export(t.Context(), ll, out, func(p Problem) { t.Error(p) })
	if err != nil || ex.Publications != 800 || out.written < 80_000_000 {
		t.Fatalf("got %+v, %v, %d bytes", ex, err, out.written)
	}
	const most = 16 << 20
	if out.peak == 0 || out.peak > most {
		t.Errorf("the heap had %d bytes, want at most %d", out.peak, most)
	}
}
