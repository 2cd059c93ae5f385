package metrics

import "github.com/prometheus/client_golang/prometheus"

// Consumers are the metrics of consumers, by the name of the consumer. They exist only if a consumer is configured.
type Consumers struct {
	Messages  *prometheus.CounterVec // by result
	Retries   *prometheus.CounterVec
	Failures  *prometheus.CounterVec
	Connected *prometheus.GaugeVec
	Waiting   *prometheus.GaugeVec
	Lag       *prometheus.GaugeVec // by partition
}

// Results of a message: the label of throng_consumer_messages_total.
const (
	ConsumerAccepted = "accepted"
	ConsumerRejected = "rejected"
)

// Consumers registers the metrics of consumers. It is called once at most.
func (m *Metrics) Consumers() *Consumers {
	gauges := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
		m.Registry.MustRegister(g)
		return g
	}
	return &Consumers{
		Messages:  m.counters("throng_consumer_messages_total", "Messages of consumers that were accepted, or rejected and skipped.", "consumer", "result"),
		Retries:   m.counters("throng_consumer_retries_total", "Attempts of a consumer that throng did not accept for now. The partition waits and the message is tried again.", "consumer"),
		Failures:  m.counters("throng_consumer_failures_total", "Times that a consumer lost its broker or database, or did not reach it. It connects again.", "consumer"),
		Connected: gauges("throng_consumer_connected", "1 if the consumer is connected, else 0.", "consumer"),
		Waiting:   gauges("throng_consumer_waiting", "Partitions whose first message throng does not accept for now.", "consumer"),
		Lag:       gauges("throng_consumer_lag", "Messages of a partition that wait in the broker, as of the last message.", "consumer", "partition"),
	}
}
