//go:build !noconsumers

package kafkasource

import (
	"net/netip"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/throng-chat/throng/server/consumer"
	"github.com/throng-chat/throng/server/consumer/consumertest"
)

// broker is a fake of Kafka with a data directory. A restart has the same ports.
type broker struct {
	t       *testing.T
	dir     string
	cluster *kfake.Cluster
	ports   []int
}

func startBroker(t *testing.T, partitions int32, topics ...string) *broker {
	t.Helper()
	b := &broker{t: t, dir: t.TempDir()}
	t.Cleanup(func() { b.cluster.Close() })
	b.open(kfake.SeedTopics(partitions, topics...))
	return b
}

func (b *broker) open(more ...kfake.Opt) {
	b.t.Helper()
	options := append(more, kfake.NumBrokers(1), kfake.DataDir(b.dir), kfake.SyncWrites())
	if b.ports != nil {
		options = append(options, kfake.Ports(b.ports...))
	}
	var err error
	if b.cluster, err = kfake.NewCluster(options...); err != nil {
		b.t.Fatal(err)
	}
}

// restart ends the broker and its connections, and starts it again.
func (b *broker) restart() {
	b.t.Helper()
	b.ports = nil
	for _, address := range b.cluster.ListenAddrs() {
		b.ports = append(b.ports, int(netip.MustParseAddrPort(address).Port()))
	}
	b.cluster.Close()
	b.open()
}

func (b *broker) send(topic string, partition int32, bodies ...string) {
	b.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		b.t.Fatal(err)
	}
	defer client.Close()
	for _, body := range bodies {
		if err := client.ProduceSync(b.t.Context(), &kgo.Record{Topic: topic, Partition: partition, Value: []byte(body)}).FirstErr(); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *broker) source(topics ...string) *Source {
	return &Source{Config: Config{Brokers: b.cluster.ListenAddrs(), Topics: topics, Group: "throng", SASL: "off"}, MaxBody: 1 << 20}
}

func TestASourceOfKafkaKeepsItsPromises(t *testing.T) {
	t.Parallel()
	consumertest.Run(t, func(t *testing.T) consumertest.Stream {
		b := startBroker(t, 1, "chat")
		return consumertest.Stream{
			Source:  func() consumer.Source { return b.source("chat") },
			Send:    func(bodies ...string) { b.send("chat", 0, bodies...) },
			Restart: b.restart,
		}
	})
}
