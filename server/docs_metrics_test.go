package server

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/throng-chat/throng/server/doctable"
	"github.com/throng-chat/throng/server/session"
)

var described = regexp.MustCompile(`^Desc\{fqName: "([a-z0-9_]+)".* variableLabels: \{([a-z_,]*)\}\}$`)

// registeredMetrics returns the names and labels of the metrics of throng itself, as a server with webhooks registers them.
func registeredMetrics(t testing.TB, s *Server) map[string][]string {
	t.Helper()
	descs := make(chan *prometheus.Desc)
	go func() {
		s.metrics.Registry.Describe(descs)
		close(descs)
	}()
	all := map[string][]string{}
	for desc := range descs {
		match := described.FindStringSubmatch(desc.String())
		switch {
		case match == nil:
			t.Errorf("got %s, want a name and labels in it", desc)
		case strings.HasPrefix(match[1], "throng_"):
			all[match[1]] = slices.DeleteFunc(strings.Split(match[2], ","), func(label string) bool { return label == "" })
		case !strings.HasPrefix(match[1], "go_") && !strings.HasPrefix(match[1], "process_"):
			t.Errorf("got a metric %s, want a name that begins with throng_", match[1])
		}
	}
	return all
}

// docs/operations.md has every metric with its labels. The suffix of a name gives its type.
func TestThePageOfOperationsHasEveryMetric(t *testing.T) {
	t.Parallel()
	s := startHooked(t, startApplication(t, map[string]func(question) string{session.OnConnect: always(`{"result":{}}`)}), func(c *Config) {
		withTLS(t)(c)
		c.Engine = newFake(t).Start("a")
		c.Cluster, c.Node, c.Peers, c.ClusterListen = "test", "a", testPeers, testPeers[0]
		c.WebPush.Subject = "mailto:ops@chat.example"
		c.Tracing.Endpoint = "http://127.0.0.1:1"
		c.ConsumerNATS.Stream, c.ConsumerNATS.URL = "CHAT", "nats://127.0.0.1:1" // nobody listens there
	})
	registered := registeredMetrics(t, s)
	meanings := map[string]string{}
	var onPage []string
	for _, row := range doctable.Rows(t, "operations.md", "metric", "labels", "meaning") {
		name := strings.Trim(row[0], "`")
		onPage, meanings[name] = append(onPage, name), row[2]
		if labels, is := registered[name]; is {
			doctable.SameOrNone(t, name+", labels", codeNames(row[1]), labels)
		}
	}
	doctable.Same(t, "metrics", onPage, slices.Collect(maps.Keys(registered)))

	families, err := s.metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		name := f.GetName()
		if !strings.HasPrefix(name, "throng_") {
			continue
		}
		want := dto.MetricType_GAUGE
		if strings.HasSuffix(name, "_total") {
			want = dto.MetricType_COUNTER
		} else if strings.HasSuffix(name, "_seconds") {
			want = dto.MetricType_HISTOGRAM
		}
		if f.GetType() != want {
			t.Errorf("%s is a %v, and by its name a %v", name, f.GetType(), want)
		}
		if name == "throng_recoveries_total" || name == "throng_rewinds_total" || name == "throng_join_leave_total" {
			doctable.SameOrNone(t, name+", values", codeNames(meanings[name]), valuesOf(f))
		}
	}
}

// valuesOf returns the values of the only label of a family.
func valuesOf(f *dto.MetricFamily) (values []string) {
	for _, m := range f.GetMetric() {
		values = append(values, m.GetLabel()[0].GetValue())
	}
	return values
}
