package server

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// waveSize is the change in the number of connections, at least, after which memory is released: else the garbage of their handshakes
	// would stay for minutes. Above 16 times as many, it is a sixteenth of the connections.
	waveSize = 512

	// calmShare is the part of waveSize that may open or close in a waveTick after the wave.
	calmShare = 100

	memoryTick = time.Second
	waveTick   = 200 * time.Millisecond // while connections open or close, so that memory is released within half a second after a wave
)

const (
	minGCPercent = 25
	maxGCPercent = 100 // the default of Go

	// percentPerRate is the GC percent for an allocation rate of 1 MiB/s. A collection takes about 0.4 ms for each MiB that is in use, whatever
	// the garbage. So up to maxGCPercent collections take 0.2 % of a core, whatever the heap has.
	percentPerRate = 25

	percentStep = 10 // by which the GC percent falls in a tick
)

// releaseMemory keeps the memory of the process near what is in use, until quit is closed: it returns memory to the system after many
// connections have opened or closed, and sets the GC percent to the allocation rate. live returns the number of connections. It does not
// set the GC percent if the environment has GOGC.
func releaseMemory(live func() int64, quit <-chan struct{}) {
	var w wave
	var p gcPace
	if os.Getenv("GOGC") == "" {
		p = newGCPace(time.Now())
		defer p.restore()
	}
	next := time.NewTimer(memoryTick)
	defer next.Stop()
	for {
		select {
		case <-quit:
			return
		case now := <-next.C:
			p.set(now)
		}
		if w.ended(live()) {
			p.lower() // else garbage takes the place of what is released
			debug.FreeOSMemory()
		}
		next.Reset(w.tick())
	}
}

// wave finds the end of a time in which many connections opened or closed.
type wave struct {
	last     int64 // connections at the last tick
	released int64 // connections when memory was released
	rising   bool  // the last tick was not calm
}

// ended takes the number of connections at a tick, and reports whether memory is to be released now.
func (w *wave) ended(live int64) bool {
	size := max(waveSize, live/16)
	w.rising = abs(live-w.last) > size/calmShare
	w.last = live
	if w.rising || abs(live-w.released) < size {
		return false
	}
	w.released = live
	return true
}

// tick is the time until the next tick.
func (w *wave) tick() time.Duration {
	if w.rising {
		return waveTick
	}
	return memoryTick
}

// gcPace sets the GC percent to the allocation rate: a process that allocates little, as one with idle connections does, collects its garbage
// before it has doubled the heap. The zero gcPace does nothing.
type gcPace struct {
	allocated []metrics.Sample
	last      uint64 // bytes
	at        time.Time
	percent   int
	before    int // of the process
}

func newGCPace(now time.Time) gcPace {
	p := gcPace{allocated: []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}, at: now, percent: maxGCPercent}
	p.last = p.read()
	p.before = debug.SetGCPercent(p.percent)
	return p
}

// read returns the bytes that the process has allocated on the heap since its start.
func (p *gcPace) read() uint64 {
	metrics.Read(p.allocated)
	return p.allocated[0].Value.Uint64()
}

// set is called at each tick. A change stops all goroutines for some µs.
func (p *gcPace) set(now time.Time) {
	if p.allocated == nil {
		return
	}
	total := p.read()
	percent := gcPercent(p.percent, total-p.last, now.Sub(p.at))
	p.last, p.at = total, now
	p.change(percent)
}

// lower sets the GC percent to the minimum. The next tick raises it at once, if it has to.
func (p *gcPace) lower() {
	if p.allocated != nil {
		p.change(minGCPercent)
	}
}

func (p *gcPace) change(percent int) {
	if percent != p.percent {
		p.percent = percent
		debug.SetGCPercent(percent)
	}
}

// restore sets the GC percent that the process had before.
func (p *gcPace) restore() { debug.SetGCPercent(p.before) }

// gcPercent returns the GC percent after a tick of some length with some bytes allocated. It rises at once, and falls by percentStep, so that a
// pause between two bursts does not change it to the minimum.
func gcPercent(was int, allocated uint64, tick time.Duration) int {
	rate := float64(allocated) / (1 << 20) / max(tick, time.Millisecond).Seconds()
	want := int(min(rate*percentPerRate, maxGCPercent))
	want = max(want/percentStep*percentStep, minGCPercent)
	return max(want, was-percentStep, minGCPercent)
}

func abs(n int64) int64 { return max(n, -n) }
