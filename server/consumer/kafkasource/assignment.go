//go:build !noconsumers

package kafkasource

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/throng-chat/throng/server/consumer"
)

// place is a partition of a topic.
type place struct {
	topic     string
	partition int32
}

// assignment has the workers that deliver the records of the partitions. A partition has one worker at most; it is paused meanwhile, so the client holds few of its records.
type assignment struct {
	ctx     context.Context
	source  *Source
	deliver consumer.Deliver
	fail    context.CancelCauseFunc // ends Source.Run

	mu   sync.Mutex
	busy map[place]*worker
}

// worker delivers the records of one fetch.
type worker struct {
	cancel context.CancelFunc
	lost   bool // the partition is another member's: its offset is not to be committed. Guarded by assignment.mu
	done   chan struct{}
}

func newAssignment(ctx context.Context, of *Source, deliver consumer.Deliver, fail context.CancelCauseFunc) *assignment {
	return &assignment{ctx: ctx, source: of, deliver: deliver, fail: fail, busy: map[place]*worker{}}
}

// begin starts the worker of a partition, and pauses the partition. The poll that returned the records blocks a rebalance meanwhile.
func (as *assignment) begin(client *kgo.Client, p kgo.FetchTopicPartition) {
	if len(p.Records) == 0 {
		return
	}
	at := place{p.Topic, p.Partition}
	ctx, cancel := context.WithCancel(as.ctx)
	w := &worker{cancel: cancel, done: make(chan struct{})}
	as.mu.Lock()
	before := as.busy[at]
	if before == nil {
		as.busy[at] = w
	}
	as.mu.Unlock()
	if before != nil {
		cancel()
		as.fail(fmt.Errorf("topic %s, partition %d: records of a paused partition", at.topic, at.partition))
		return
	}
	this := map[string][]int32{at.topic: {at.partition}}
	client.PauseFetchPartitions(this)
	go func() {
		defer close(w.done)
		defer cancel()
		err := as.pass(ctx, client, at, w, p.Records, p.HighWatermark)
		as.mu.Lock()
		delete(as.busy, at)
		as.mu.Unlock()
		if err != nil {
			as.fail(err)
			return
		}
		client.ResumeFetchPartitions(this) // also after its end: it may come back
	}()
}

// pass delivers records in their order, and commits them.
func (as *assignment) pass(ctx context.Context, client *kgo.Client, at place, w *worker, records []*kgo.Record, end int64) (err error) {
	name := fmt.Sprintf("%s/%d", at.topic, at.partition)
	var done *kgo.Record // the last one with an outcome that is not committed
	last := time.Now()
	commit := func() {
		as.mu.Lock()
		lost := w.lost
		as.mu.Unlock()
		if done == nil || lost {
			return
		}
		ctx, cancel := consumer.Committing(ctx)
		defer cancel()
		err = client.CommitRecords(ctx, done)
		done, last = nil, time.Now()
	}
	for _, r := range records {
		if as.source.Lag != nil {
			as.source.Lag(name, end-r.Offset-1)
		}
		m := consumer.Parse(fmt.Sprintf("kafka/%s/%d", name, r.Offset), r.Value, as.source.MaxBody)
		m.Held = commit
		if outcome, _ := as.deliver(ctx, m); outcome == consumer.Stopped {
			break
		}
		if done = r; time.Since(last) > consumer.CommitInterval {
			commit()
		}
		if err != nil {
			return err
		}
	}
	commit()
	return err
}

// end stops the workers of partitions and waits for them. commits reports whether this member may still commit their offsets.
func (as *assignment) end(partitions map[string][]int32, commits bool) {
	var ending []*worker
	as.mu.Lock()
	for topic, numbers := range partitions {
		for _, n := range numbers {
			if w := as.busy[place{topic, n}]; w != nil {
				w.lost = !commits
				w.cancel()
				ending = append(ending, w)
			}
			if as.source.Lag != nil {
				as.source.Lag(fmt.Sprintf("%s/%d", topic, n), -1)
			}
		}
	}
	as.mu.Unlock()
	for _, w := range ending {
		<-w.done
	}
}

// endAll stops all workers and waits for them.
func (as *assignment) endAll() {
	partitions := map[string][]int32{}
	as.mu.Lock()
	for at := range as.busy {
		partitions[at.topic] = append(partitions[at.topic], at.partition)
	}
	as.mu.Unlock()
	as.end(partitions, true)
}
