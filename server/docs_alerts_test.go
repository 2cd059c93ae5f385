package server

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/throng-chat/throng/server/doctable"
	"github.com/throng-chat/throng/server/session"
)

var metricName = regexp.MustCompile(`\bthrong_[a-z_]+[a-z]`)

// The alert rules are those of docs/operations.md, and they and the dashboards name metrics that the server has.
func TestAlertsAndDashboardNameMetricsOfTheServer(t *testing.T) {
	t.Parallel()
	rules, err := os.ReadFile("../docs/prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	var dashboards string
	for _, name := range []string{"throng", "cluster", "load-test"} {
		text, err := os.ReadFile("../docs/grafana/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		dashboards += string(text)
	}
	var inRules, onPage []string
	for _, match := range regexp.MustCompile(`(?m)^        expr: (.+)$`).FindAllStringSubmatch(string(rules), -1) {
		inRules = append(inRules, match[1])
	}
	for _, row := range doctable.Rows(t, "operations.md", "alert", "expression", "do") {
		onPage = append(onPage, strings.Trim(row[1], "`"))
	}
	doctable.Same(t, "alerts", onPage, inRules)

	s := startHooked(t, startApplication(t, map[string]func(question) string{session.OnConnect: always(`{"result":{}}`)}), func(c *Config) {
		withTLS(t)(c)
		c.Engine = newFake(t).Start("a")
		c.Cluster, c.Node, c.Peers, c.ClusterListen = "test", "a", testPeers, testPeers[0]
		c.WebPush.Subject = "mailto:ops@chat.example"
		c.Tracing.Endpoint = "http://127.0.0.1:1"
		c.ConsumerNATS.Stream, c.ConsumerNATS.URL = "CHAT", "nats://127.0.0.1:1" // nobody listens there
	})
	registered := registeredMetrics(t, s)
	names := metricName.FindAllString(string(rules)+dashboards, -1)
	if len(names) < 40 {
		t.Errorf("got %d names of metrics, want those of the rules and the dashboard", len(names))
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if _, is := registered[strings.TrimSuffix(name, "_bucket")]; !is {
			t.Errorf("%s is not a metric of the server", name)
		}
	}
}
