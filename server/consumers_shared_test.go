package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/throng-chat/throng/server/consumer/pgtest"
)

// sharedSource is a broker or a database with two partitions, whose messages two nodes of a cluster share.
type sharedSource struct {
	consume func(*Config)
	send    func(partition, from, to int) // messages that publish these numbers in the room of the partition
	again   func(start func(change func(*Config)) testNode)
}

func roomOfPart(partition int) string { return fmt.Sprint("d", partition) }

// Two nodes share a consumer. One dies while it consumes, and the other one continues: each publication is in the history once, in the order of its partition. The
// same holds if all messages are delivered again.
func testNodesShare(t *testing.T, source sharedSource) {
	t.Helper()
	const half, all = 30, 60
	fake := newFake(t)
	start := func(name string, change func(*Config)) testNode {
		return startNodeWith(t, fake, name, func(c *Config) {
			c.Rooms = append(c.Rooms, durableRoom("d*"))
			change(c)
		})
	}
	a, b, c := start("a", source.consume), start("b", source.consume), start("c", func(*Config) {})
	awaitOwners(t, a, b, c)
	for partition := range 2 {
		source.send(partition, 0, half)
	}
	accepted := func(n testNode) float64 { return testutil.ToFloat64(n.consumers.all[0].Metrics.Accepted) }
	eventually(t, "a message", func() bool { return accepted(a)+accepted(b) > 0 })
	dies, name, stays := a, "a", b
	if accepted(a) == 0 {
		dies, name, stays = b, "b", a
	}
	fake.Kill(dies.engine)
	dies.consumers.stop(0) // its connections end; what it has in progress has no outcome
	for partition := range 2 {
		source.send(partition, half, all)
	}
	want := ""
	for n := range all {
		want += fmt.Sprint(n)
	}
	check := func() {
		t.Helper()
		for partition := range 2 {
			room := roomOfPart(partition)
			eventually(t, "the last message", func() bool { return strings.HasSuffix(dataOf(t, c.Server, room), fmt.Sprint(all-1)) })
			if got := dataOf(t, c.Server, room); got != want {
				t.Errorf("got the room %s, want each publication once: %s", got, want)
			}
		}
	}
	check()

	// The node starts again, and all messages are delivered once more.
	before := accepted(stays)
	var again testNode
	source.again(func(change func(*Config)) testNode {
		again = start(name, change)
		return again
	})
	eventually(t, "all messages again", func() bool { return accepted(again)+accepted(stays)-before >= 2*all })
	check()
}

// Kafka divides the partitions between the nodes of a consumer group.
func TestNodesShareAConsumerOfKafka(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "chat"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	producer, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(producer.Close)
	consume := func(c *Config) {
		c.ConsumerKafka.Brokers, c.ConsumerKafka.Topics = cluster.ListenAddrs(), []string{"chat"}
	}
	testNodesShare(t, sharedSource{
		consume: consume,
		send: func(partition, from, to int) {
			for n := from; n < to; n++ {
				r := &kgo.Record{Topic: "chat", Partition: int32(partition), Value: []byte(publishBody(roomOfPart(partition), n))}
				if err := producer.ProduceSync(t.Context(), r).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
		},
		again: func(start func(func(*Config)) testNode) {
			start(func(c *Config) { // a group without commits
				consume(c)
				c.ConsumerKafka.Group = "again"
			})
		},
	})
}

// In PostgreSQL, the lock of a partition is that of one node.
func TestNodesShareAConsumerOfPostgres(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t)
	pg.Exec(`CREATE TABLE throng_outbox (id bigint PRIMARY KEY, method text NOT NULL, payload jsonb NOT NULL, partition integer NOT NULL)`)
	insert := func(partition, from, to int) {
		pg.Exec(`INSERT INTO throng_outbox SELECT n + 1000 * $1::int, 'publish', jsonb_build_object('channel', $4::text, 'data', n), $1::int
			FROM generate_series($2::int, $3::int - 1) AS n`, partition, from, to, roomOfPart(partition))
	}
	consume := func(c *Config) { c.ConsumerPostgres.URL, c.ConsumerPostgres.Partitions = pg.URL(), 2 }
	testNodesShare(t, sharedSource{
		consume: consume,
		send:    insert,
		again: func(start func(func(*Config)) testNode) {
			start(consume)
			for partition := range 2 {
				insert(partition, 0, 60) // with the same ids: these rows were not deleted
			}
		},
	})
}
