package brokertest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/broker"
)

// model is an owner that appends numbers, and what it must find in the log again.
type model struct {
	t        *testing.T
	fake     *Fake
	random   *rand.Rand
	node     broker.Engine
	log      broker.Log
	expected uint64
	open     int
	value    uint64            // last value that was appended
	known    map[uint64]uint64 // committed: value by number
	restarts int
	trace    []string
}

func (m *model) start() {
	m.node = m.fake.Start("owner")
	m.reload()
}

// reload opens the log and checks it: each committed record is there, and no record twice.
func (m *model) reload() {
	l, err := m.node.Open(context.Background(), 0)
	if err != nil {
		m.t.Fatalf("Open: %v", err)
	}
	found := map[uint64]uint64{}
	m.expected, err = l.Replay(context.Background(), 0, func(seq uint64, record []byte) error {
		v := binary.BigEndian.Uint64(record)
		for at, other := range found {
			if other == v {
				m.t.Fatalf("value %d is record %d and %d", v, at, seq)
			}
		}
		found[seq] = v
		return nil
	})
	if err != nil {
		m.t.Fatalf("Replay: %v", err)
	}
	for seq, v := range m.known {
		if got, ok := found[seq]; !ok || got != v {
			m.t.Fatalf("record %d is %d, present: %t; %d was committed", seq, got, ok, v)
		}
	}
	if m.expected > 60 {
		if err := l.Trim(context.Background(), m.expected); err != nil {
			m.t.Fatalf("Trim: %v", err)
		}
		clear(m.known)
	}
	m.log, m.open = l, 0
}

func (m *model) append() {
	m.value++
	m.expected++
	m.open++
	seq, v, l := m.expected, m.value, m.log
	l.Append(seq-1, binary.BigEndian.AppendUint64(nil, v), func(err error) {
		m.trace = append(m.trace, fmt.Sprint(seq, v, err))
		if l != m.log {
			if !errors.Is(err, broker.ErrClosed) {
				m.t.Fatalf("done of a closed log: %v", err)
			}
			return
		}
		m.open--
		if err == nil {
			m.known[seq] = v
			return
		}
		l.Close()
		m.reload()
	})
}

// act is one step of the model, or one of the fake.
func (m *model) act() {
	switch m.random.IntN(50) {
	case 0:
		m.restarts++
		if m.random.IntN(2) == 0 {
			m.fake.Kill(m.node)
		} else {
			m.log = nil // its appends get ErrClosed
			if err := m.node.Close(context.Background()); err != nil {
				m.t.Fatalf("Close: %v", err)
			}
		}
		m.start()
	default:
		if m.open < broker.MaxAppends && m.random.IntN(2) == 0 {
			m.append()
		} else {
			m.fake.Step()
		}
	}
}

func runModel(t *testing.T, seed uint64, steps int) *model {
	m := &model{
		t: t, random: rand.New(rand.NewPCG(seed, 1)), known: map[uint64]uint64{},
		fake: New(Options{Seed: seed, Faults: Faults{Lose: 0.02, LoseAck: 0.02, Full: 0.01}}),
	}
	m.start()
	for range steps {
		m.act()
	}
	return m
}

func TestCommittedRecordsSurviveFaultsAndKills(t *testing.T) {
	t.Parallel()
	outcomes := map[string]bool{}
	for seed := range uint64(20) {
		m := runModel(t, seed, 5_000)
		if m.restarts == 0 || m.value < 100 {
			t.Errorf("seed %d: %d restarts, %d appends: the model does nothing", seed, m.restarts, m.value)
		}
		for _, line := range m.trace {
			for _, want := range []string{"<nil>", "no answer", "lost", "full", "closed"} {
				if strings.Contains(line, want) {
					outcomes[want] = true
				}
			}
		}
	}
	if len(outcomes) != 5 {
		t.Errorf("outcomes of appends: %v, want all five", outcomes)
	}
}

func TestASeedGivesTheSameRunAgain(t *testing.T) {
	t.Parallel()
	a, b, other := runModel(t, 7, 3_000), runModel(t, 7, 3_000), runModel(t, 8, 3_000)
	if fmt.Sprint(a.trace) != fmt.Sprint(b.trace) {
		t.Error("two runs with the same seed differ")
	}
	if fmt.Sprint(a.trace) == fmt.Sprint(other.trace) {
		t.Error("runs with different seeds are the same")
	}
}

func TestAStalledDiskKeepsAppendsOpen(t *testing.T) {
	t.Parallel()
	f := New(Options{})
	l := openLog(t, f.Start("node"), 0)
	done := 0
	f.Stall(true)
	l.Append(0, []byte("one"), func(error) { done++ })
	if f.Step() || done != 0 {
		t.Errorf("on a stalled disk done was called %d times", done)
	}
	f.Stall(false)
	f.Settle()
	if _, records := f.Records(0); done != 1 || len(records) != 1 {
		t.Errorf("after the stall: %d calls of done and %d records, want 1 and 1", done, len(records))
	}
}

func TestAKilledNodeCallsNoDone(t *testing.T) {
	t.Parallel()
	stored := 0
	for seed := range uint64(40) {
		f := New(Options{Seed: seed})
		node := f.Start("node")
		l := openLog(t, node, 0)
		l.Append(0, []byte("one"), func(err error) { t.Errorf("done of a killed node: %v", err) })
		f.Kill(node)
		l.Append(1, []byte("two"), func(err error) { t.Errorf("done of an append after the kill: %v", err) })
		f.Settle()
		_, records := f.Records(0)
		stored += len(records)
	}
	if stored == 0 || stored == 40 {
		t.Errorf("of 40 appends that were open at a kill %d were stored, want some", stored)
	}
}

func TestADamagedRecordIsReportedAsNil(t *testing.T) {
	t.Parallel()
	f := New(Options{Auto: true})
	t.Cleanup(f.End)
	node := f.Start("node")
	l := openLog(t, node, 0)
	appendAll(t, l, 0, []byte("one"), []byte("two"), []byte("three"))
	f.Damage(0, 2)
	f.Damage(0, 4)
	f.Damage(1, 1)
	_, records, last := replayed(t, l, 0)
	if last != 3 || len(records) != 3 || records[1] != nil || string(records[2]) != "three" || node.Health().Lost != 1 {
		t.Errorf("got %q, last number %d, %d lost; want the second record to be nil", records, last, node.Health().Lost)
	}
}
