package server

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/throng-chat/throng/server/broker/brokertest"
	"github.com/throng-chat/throng/server/consumer/natstest"
)

// consume has a server consume the stream CHAT.
func consume(ns *natstest.Server, role string) func(*Config) {
	return func(c *Config) {
		c.ConsumerNATS.URL, c.ConsumerNATS.Stream, c.ConsumerNATS.Role = ns.URL(), "CHAT", role
	}
}

// publishBody returns a message that publishes a number.
func publishBody(room string, n int) string {
	return fmt.Sprintf(`{"method":"publish","payload":{"channel":%q,"data":%d}}`, room, n)
}

// dataOf returns the data of all publications of a room.
func dataOf(t *testing.T, s *Server, room string) (all string) {
	t.Helper()
	var page struct {
		Publications []struct{ Data json.RawMessage }
	}
	if err := s.Call(t.Context(), "history", map[string]any{"channel": room, "limit": -1}, &page); err != nil {
		t.Fatal(err)
	}
	for _, p := range page.Publications {
		all += string(p.Data)
	}
	return all
}

func startConsumer(t *testing.T, ns *natstest.Server, role string, fake *brokertest.Fake, name string) *Server {
	t.Helper()
	return startLogging(t, io.Discard, func(c *Config) {
		c.Rooms = append(c.Rooms, durableRoom("d*"), roomWithHistory("h:*"))
		c.Engine = fake.Start(name)
		consume(ns, role)(c)
	}, func(*Server) {})
}

// A message is acknowledged when its publication is on disk, not before. The messages behind it wait.
func TestAConsumerCommitsWhatIsStored(t *testing.T) {
	t.Parallel()
	ns, fake := natstest.Start(t), newFake(t)
	ns.Stream("CHAT")
	s := startConsumer(t, ns, "publish-only", fake, "a")
	ns.Send("CHAT", publishBody("d", 1), publishBody("h:1", 2))
	eventually(t, "the first messages", func() bool { return dataOf(t, s, "d") == "1" && dataOf(t, s, "h:1") == "2" })

	fake.Full(true)
	ns.Send("CHAT", publishBody("d", 3), publishBody("h:1", 4), publishBody("d", 5))
	eventually(t, "an attempt that fails", func() bool { return testutil.ToFloat64(s.consumers.all[0].Metrics.Retried) >= 2 })
	if floor := ns.AckFloor("CHAT", "throng"); floor != 2 || dataOf(t, s, "h:1") != "2" {
		t.Errorf("got %d acknowledged messages and the room %s, want 2 and 2 while the disk is full", floor, dataOf(t, s, "h:1"))
	}
	fake.Full(false)
	eventually(t, "the messages that waited", func() bool { return dataOf(t, s, "d") == "135" && dataOf(t, s, "h:1") == "24" })
	eventually(t, "their acknowledgements", func() bool { return ns.AckFloor("CHAT", "throng") == 5 })
}

// Messages that are delivered again after a crash are recognized by their keys.
func TestARepeatedMessageIsPublishedOnce(t *testing.T) {
	t.Parallel()
	ns, fake := natstest.Start(t), newFake(t)
	ns.Stream("CHAT")
	first := fake.Start("a")
	s := startLogging(t, io.Discard, func(c *Config) {
		c.Rooms, c.Engine = append(c.Rooms, durableRoom("d*")), first
		consume(ns, "publish-only")(c)
	}, func(*Server) {})
	ns.Send("CHAT", publishBody("d", 1), publishBody("d", 2), publishBody("d", 3))
	eventually(t, "the messages", func() bool { return dataOf(t, s, "d") == "123" && ns.AckFloor("CHAT", "throng") == 3 })
	s.consumers.stop(time.Minute)
	fake.Kill(first)
	ns.Forget("CHAT", "throng") // the broker has lost its acknowledgements: it delivers all messages again

	again := startConsumer(t, ns, "publish-only", fake, "a")
	ns.Send("CHAT", publishBody("d", 4))
	// A message is acknowledged after it is counted.
	eventually(t, "the last message", func() bool { return strings.Contains(dataOf(t, again, "d"), "4") && ns.AckFloor("CHAT", "throng") == 4 })
	if got := dataOf(t, again, "d"); got != "1234" {
		t.Errorf("got the room %s, want each publication once", got)
	}
	if accepted := testutil.ToFloat64(again.consumers.all[0].Metrics.Accepted); accepted != 4 {
		t.Errorf("got %v accepted messages, want the three that were delivered again and the last", accepted)
	}
}

// Nodes of a cluster share the messages of a consumer, and its idempotency keys: another node recognizes what the others have published.
func TestNodesShareAConsumer(t *testing.T) {
	t.Parallel()
	ns, fake := natstest.Start(t), newFake(t)
	ns.Stream("CHAT")
	start := func(name string) testNode {
		return startNodeWith(t, fake, name, func(c *Config) {
			c.Rooms = append(c.Rooms, durableRoom("d*"), memoryRoom("h:*"))
			consume(ns, "publish-only")(c)
		})
	}
	a, b := start("a"), start("b")
	awaitOwners(t, a, b)
	const n = 20
	want := ""
	for i := range n {
		ns.Send("CHAT", publishBody("d", i), publishBody("h:1", i))
		want += fmt.Sprint(i)
	}
	has := func(node testNode, want string) bool {
		return dataOf(t, node.Server, "d") == want && dataOf(t, node.Server, "h:1") == want
	}
	eventually(t, "the messages on both nodes", func() bool { return has(a, want) && has(b, want) })
	eventually(t, "their acknowledgements", func() bool { return ns.AckFloor("CHAT", "throng") == 2*n })
	accepted := func(node testNode) float64 { return testutil.ToFloat64(node.consumers.all[0].Metrics.Accepted) }
	if accepted(a)+accepted(b) != 2*n {
		t.Errorf("the nodes accepted %v and %v messages, want %d together", accepted(a), accepted(b), 2*n)
	}
	a.consumers.stop(time.Minute)
	b.consumers.stop(time.Minute)
	ns.Forget("CHAT", "throng") // the broker has lost its acknowledgements: it delivers all messages again

	c := start("c")
	awaitOwners(t, a, b, c)
	ns.Send("CHAT", publishBody("d", n), publishBody("h:1", n))
	eventually(t, "the last messages", func() bool { return strings.HasSuffix(dataOf(t, c.Server, "h:1"), fmt.Sprint(n)) })
	if got, want := [2]string{dataOf(t, a.Server, "d"), dataOf(t, a.Server, "h:1")}, want+fmt.Sprint(n); got != [2]string{want, want} {
		t.Errorf("got the rooms %s, want each publication once: %s", got, want)
	}
	if accepted(c) != 2*n+2 {
		t.Errorf("node c accepted %v messages, want all that were delivered again and the last two", accepted(c))
	}
}

// A message may call the methods of the role only. One that may not is skipped.
func TestAConsumerHasItsRole(t *testing.T) {
	t.Parallel()
	for role, want := range map[string]string{"publish-only": `"bans":[]`, "all": `"user":"ann"`} {
		ns := natstest.Start(t)
		ns.Stream("CHAT")
		s := startConsumer(t, ns, role, newFake(t), "a")
		ns.Send("CHAT", `{"method":"ban","payload":{"user":"ann","channel":"h:1"}}`, publishBody("h:1", 1))
		eventually(t, "the message behind", func() bool { return dataOf(t, s, "h:1") == "1" })
		var got json.RawMessage
		if err := s.Call(t.Context(), "moderation", struct{}{}, &got); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(got), want) {
			t.Errorf("role %s: got %s, want %s", role, got, want)
		}
	}
}

// A graceful stop ends while a message cannot be accepted. It is not committed.
func TestAStopDoesNotWaitForARejectedMessage(t *testing.T) {
	t.Parallel()
	ns, fake := natstest.Start(t), newFake(t)
	ns.Stream("CHAT")
	s := startConsumer(t, ns, "publish-only", fake, "a")
	fake.Full(true)
	ns.Send("CHAT", publishBody("d", 1))
	c := s.consumers.all[0]
	eventually(t, "a pause", func() bool { return testutil.ToFloat64(c.Metrics.Waiting) == 1 })
	s.consumers.stop(time.Hour)
	if floor := ns.AckFloor("CHAT", "throng"); floor != 0 {
		t.Errorf("got %d acknowledged messages, want none", floor)
	}
}

// Without a consumer there is no goroutine, no memory and no metric.
func TestNoConsumerCostsNothing(t *testing.T) {
	t.Parallel()
	s := startServer(t, nil)
	if s.consumers != nil {
		t.Error("got consumers, want none by default")
	}
	for name := range registeredMetrics(t, s) {
		if strings.HasPrefix(name, "throng_consumer_") {
			t.Errorf("got the metric %s without a consumer", name)
		}
	}
}

func TestSettingsOfConsumersAreChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		change func(*Config)
		want   string // empty: valid
	}{
		{func(c *Config) { c.ConsumerNATS.Stream = "CHAT" }, ""},
		{func(c *Config) { c.ConsumerNATS.URL = "nats://a:1, tls://b:2"; c.ConsumerNATS.Stream = "A" }, ""},
		{func(c *Config) { c.ConsumerNATS.URL = "nats://u:HUSH@a" }, "consumer-nats.stream"},
		{func(c *Config) { c.ConsumerNATS.Stream = "a.b" }, "consumer-nats.stream"},
		{func(c *Config) { c.ConsumerNATS.Stream = "A"; c.ConsumerNATS.URL = "http://HUSH" }, "consumer-nats.url"},
		{func(c *Config) { c.ConsumerNATS.Stream = "A"; c.ConsumerNATS.Durables = []string{"a", "a"} }, "consumer-nats.durables"},
		{func(c *Config) { c.ConsumerNATS.Role = "some" }, "consumer-nats.role"},
		{func(c *Config) { c.ConsumerKafka.Topics, c.ConsumerKafka.Brokers = []string{"a"}, []string{"b:1"} }, ""},
		{func(c *Config) { c.ConsumerKafka.Topics = []string{"a"} }, "consumer-kafka.brokers"},
		{func(c *Config) { c.ConsumerKafka.Topics, c.ConsumerKafka.Brokers = []string{"a"}, []string{"b"} }, "consumer-kafka.brokers"},
		{func(c *Config) { c.ConsumerKafka.Topics, c.ConsumerKafka.Brokers = []string{"a b"}, []string{"b:1"} }, "consumer-kafka.topics"},
		{func(c *Config) { c.ConsumerKafka.Password = "HUSH" }, "consumer-kafka.topics"},
		{func(c *Config) {
			c.ConsumerKafka.Topics, c.ConsumerKafka.Brokers, c.ConsumerKafka.Password = []string{"a"}, []string{"b:1"}, "HUSH"
		}, "consumer-kafka.sasl"},
		{func(c *Config) { c.ConsumerPostgres.URL = "postgres://u@h/d" }, ""},
		{func(c *Config) { c.ConsumerPostgres.URL = "postgres://u:HUSH@h:x/d" }, "consumer-postgres.url"},
		{func(c *Config) { c.ConsumerPostgres.Rejected = "r" }, "consumer-postgres.url"},
		{func(c *Config) { c.ConsumerPostgres.URL, c.ConsumerPostgres.Table = "postgres://h/d", "a.b.c" }, "consumer-postgres.table"},
		{func(c *Config) {
			c.ConsumerPostgres.URL, c.ConsumerPostgres.Rejected = "postgres://h/d", "throng_outbox"
		}, "consumer-postgres.rejected-table"},
		{func(c *Config) { c.ConsumerPostgres.URL, c.ConsumerPostgres.Partitions = "postgres://h/d", 65 }, "consumer-postgres.partitions"},
	} {
		cfg := DefaultConfig()
		c.change(&cfg)
		text := fmt.Sprint(cfg.Validate())
		if c.want == "" && text != "<nil>" || !strings.HasPrefix(text, c.want) && c.want != "" || strings.Contains(text, "HUSH") {
			t.Errorf("got %q, want an error about %q without a secret", text, c.want)
		}
	}
}
