package server

import (
	"context"
	"sync"
	"time"

	"github.com/throng-chat/throng/server/consumer"
	"github.com/throng-chat/throng/server/consumer/kafkasource"
	"github.com/throng-chat/throng/server/consumer/natssource"
)

// consumers are those that are configured; nil for none. They run from start to stop.
type consumers struct {
	all     []*consumer.Consumer
	running sync.WaitGroup
	end     context.CancelFunc // no further message
	cut     context.CancelFunc // calls in progress end
}

// consumerErrors returns the invalid settings of the consumers.
func (c *Config) consumerErrors() []error {
	nats := configErrors{table: "consumer-nats.", title: "consumer-nats."}
	c.ConsumerNATS.Check(nats.add)
	nats.addRanges(&c.ConsumerNATS)
	kafka := configErrors{table: "consumer-kafka.", title: "consumer-kafka."}
	c.ConsumerKafka.Check(kafka.add)
	kafka.addRanges(&c.ConsumerKafka)
	postgres := configErrors{table: "consumer-postgres.", title: "consumer-postgres."}
	c.ConsumerPostgres.Check(postgres.add)
	postgres.addRanges(&c.ConsumerPostgres)
	const absent = "must be empty: this program was built with -tags noconsumers"
	if !consumersIncluded && c.ConsumerNATS.On() {
		nats.add("stream", c.ConsumerNATS.Stream, absent)
	}
	if !consumersIncluded && c.ConsumerKafka.On() {
		kafka.add("topics", c.ConsumerKafka.Topics, absent)
	}
	if !consumersIncluded && c.ConsumerPostgres.On() {
		postgres.add("url", nil, absent)
	}
	return append(append(nats.errs, kafka.errs...), postgres.errs...)
}

// consumerFiles is the number of connections of the consumers, at most.
func (c *Config) consumerFiles() (files int) {
	if c.ConsumerNATS.On() {
		files += natssource.Sockets
	}
	if c.ConsumerKafka.On() {
		files += kafkasource.MaxSockets
	}
	if c.ConsumerPostgres.On() {
		files += c.ConsumerPostgres.Partitions
	}
	return files
}

// start starts the consumers, if there are any.
func (cs *consumers) start() {
	if cs == nil {
		return
	}
	var ctx, cut context.Context
	ctx, cs.end = context.WithCancel(context.Background())
	cut, cs.cut = context.WithCancel(context.Background())
	for _, c := range cs.all {
		cs.running.Go(func() { c.Run(ctx, cut) })
	}
}

// stop takes no further message, and waits until the calls in progress are finished and committed. Those that take longer than a time are cut off: their
// messages are delivered again.
func (cs *consumers) stop(within time.Duration) {
	if cs == nil {
		return
	}
	cs.end()
	timer := time.AfterFunc(within, cs.cut)
	defer timer.Stop()
	cs.running.Wait()
	cs.cut()
}
