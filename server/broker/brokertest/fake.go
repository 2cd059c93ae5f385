package brokertest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/throng-chat/throng/server/broker"
)

// Options are the settings of a Fake.
type Options struct {
	Seed uint64
	// Auto: a goroutine of the Fake does each step as soon as it is possible. Otherwise the test calls Step.
	Auto   bool
	Faults Faults
}

// Faults are the probabilities of faults, 0 to 1.
type Faults struct {
	Lose    float64 // an append, Put or Delete is not stored and gets ErrUnavailable
	LoseAck float64 // an append, Put or Delete is stored and gets ErrUnavailable
	Full    float64 // an append is not stored and gets ErrFull
	Drop    float64 // a message is lost; half of the losses are reported to its receiver
}

// Fake is the storage and the network of several nodes in memory. All methods are for any goroutine, except that done, Receive and Lost are
// called by Step, on its goroutine: call Step on one goroutine at a time.
type Fake struct {
	mu     sync.Mutex
	random *rand.Rand
	faults Faults
	auto   bool
	wake   chan struct{} // auto: something may be pending
	ended  chan struct{} // auto: closed by End

	now                 time.Duration // virtual
	runs                int           // nodes that were ever started
	nodes               []*node       // in the order of their starts
	records             map[int]*shard
	logs                int // of durable rooms; 0: one
	tables              map[string]*tableData
	calls               []func() // of done, in order, for the appends of closed logs
	lost                uint64   // damaged records that replays have reported
	down, full, stalled bool
	network             network
	bug                 bug
}

// bug is a fault that the suite must find. Tests of the suite plant it.
type bug string

// New returns a Fake without nodes and records. A Fake with Auto needs End.
func New(o Options) *Fake {
	f := &Fake{
		random: rand.New(rand.NewPCG(o.Seed, 0x7468726f6e67)), faults: o.Faults, auto: o.Auto,
		wake: make(chan struct{}, 1), ended: make(chan struct{}),
		records: map[int]*shard{}, tables: map[string]*tableData{}, network: newNetwork(),
	}
	if o.Auto {
		go f.run()
	}
	return f
}

// Start starts a node, which sees the records and the tables of all earlier runs. name is part of its NodeID.
func (f *Fake) Start(name string) broker.Engine {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.runs++
	n := &node{fake: f, id: broker.NodeID(fmt.Sprintf("%s-%d", name, f.runs)), ended: make(chan struct{})}
	f.nodes = append(f.nodes, n)
	return n
}

// Kill ends a node as kill -9 does: each of its open appends is stored or not, by the seed, and no done is called. Its methods return
// ErrClosed afterwards.
func (f *Fake) Kill(engine broker.Engine) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := engine.(*node)
	n.killed = true
	n.stopLocked()
}

// Faults changes the probabilities of faults.
func (f *Fake) Faults(faults Faults) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = faults
}

// Down takes the storage away from all nodes, or gives it back. The open appends are stored or not, by the seed, and get ErrUnavailable.
func (f *Fake) Down(on bool) { f.set(&f.down, on) }

// Full fills the disk, or frees it. Appends and Puts get ErrFull. Reading goes on.
func (f *Fake) Full(on bool) { f.set(&f.full, on) }

// Damage loses a stored record of a shard on the disk: replays report it as nil. It does nothing if there is no such record.
func (f *Fake) Damage(shardNumber int, seq uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.records[shardNumber]; s != nil && seq >= s.first && seq <= s.last() {
		s.records[seq-s.first] = nil
	}
}

// Stall stops the disk, or lets it go on. Open appends stay open, and no done is called with nil.
func (f *Fake) Stall(on bool) { f.set(&f.stalled, on) }

func (f *Fake) set(state *bool, on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	*state = on
	for _, t := range f.tables {
		t.changedLocked()
	}
	f.wakeLocked()
}

// Now returns the virtual time since the start.
func (f *Fake) Now() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// Advance moves the virtual clock. Keys whose time has ended are removed.
func (f *Fake) Advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now += d
	if f.bug == "keys do not end" {
		return
	}
	for _, t := range f.tables {
		t.expireLocked(f.now)
	}
}

// Step does one of the things that are possible now, chosen by the seed: it stores an append or not, calls one done, or delivers one
// message. It returns false if there is none.
func (f *Fake) Step() bool {
	f.mu.Lock()
	event := f.chooseLocked()
	var call func()
	if event != nil {
		call = event()
	}
	f.mu.Unlock()
	if call != nil {
		call()
	}
	return event != nil
}

// StepUntil calls do, which waits for steps, on a goroutine of its own, and does steps until it has returned.
func (f *Fake) StepUntil(do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	for {
		select {
		case <-done:
			return
		default:
		}
		if !f.Step() {
			runtime.Gosched()
		}
	}
}

// Settle does steps until none is possible.
func (f *Fake) Settle() {
	for f.Step() {
	}
}

// chooseLocked returns one of the possible events, or nil. An event runs under the lock and may return a call to make without it.
func (f *Fake) chooseLocked() func() func() {
	if len(f.calls) > 0 {
		return f.nextCallLocked
	}
	var events []func() func()
	for _, n := range f.nodes {
		events = append(events, n.eventsLocked()...)
	}
	if len(events) == 0 {
		return nil
	}
	return events[f.random.IntN(len(events))]
}

func (f *Fake) nextCallLocked() func() {
	call := f.calls[0]
	f.calls = f.calls[1:]
	return call
}

// complete returns when the calls of done for the appends of closed logs were made.
func (f *Fake) complete(ctx context.Context) error {
	if !f.auto {
		for f.closedAppends() {
			f.Step()
		}
		return nil
	}
	made := make(chan struct{})
	f.mu.Lock()
	f.calls = append(f.calls, func() { close(made) })
	f.wakeLocked()
	f.mu.Unlock()
	select {
	case <-made:
		return nil
	case <-f.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *Fake) closedAppends() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.calls) > 0
}

// Records returns a copy of the stored records of a shard, the oldest first, and the number of the first one.
func (f *Fake) Records(shardNumber int) (first uint64, records [][]byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.records[shardNumber]
	if s == nil {
		return 1, nil
	}
	for _, r := range s.records {
		records = append(records, slices.Clone(r))
	}
	return s.first, records
}

// End stops the goroutine of a Fake with Auto. Call it once.
func (f *Fake) End() { close(f.ended) }

func (f *Fake) run() {
	for {
		select {
		case <-f.ended:
			return
		case <-f.wake:
			f.Settle()
		}
	}
}

func (f *Fake) wakeLocked() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// chanceLocked is true with a probability.
func (f *Fake) chanceLocked(probability float64) bool {
	return probability > 0 && f.random.Float64() < probability
}

// stateLocked is the reason why nothing can be stored now, or nil.
func (f *Fake) stateLocked() error {
	switch {
	case f.down:
		return fmt.Errorf("fake: down: %w", broker.ErrUnavailable)
	case f.full:
		return fmt.Errorf("fake: full: %w", broker.ErrFull)
	}
	return nil
}

// readableLocked is the reason why nothing can be read now, or nil.
func (f *Fake) readableLocked(ctx context.Context, n *node) error {
	if n.closed {
		return broker.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if f.down {
		return f.stateLocked()
	}
	return nil
}

func (f *Fake) storedLocked() (bytes int64) {
	for _, s := range f.records {
		for _, r := range s.records {
			bytes += int64(len(r))
		}
	}
	return bytes
}

// newIDLocked returns an identity of 32 hexadecimal digits.
func (f *Fake) newIDLocked() string {
	return fmt.Sprintf("%016x%016x", f.random.Uint64(), f.random.Uint64())
}
