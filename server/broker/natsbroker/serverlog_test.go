//go:build !nonats

package natsbroker

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// A start of a node of a cluster logs no error and no warning about what is usual, and a node that is down is not an error of the others.
func TestAUsualMessageOfTheEngineIsNoWarning(t *testing.T) {
	for _, m := range []struct {
		write func(*serverLog, string, ...any)
		text  string
		value []any
		want  string
	}{
		{(*serverLog).Warnf, "Plaintext passwords detected, use nkeys or bcrypt", nil, "DEBUG"},
		{(*serverLog).Warnf, "Waiting for routing to be established...", nil, "DEBUG"},
		{(*serverLog).Warnf, "JetStream has not established contact with a meta leader", nil, "DEBUG"},
		{(*serverLog).Warnf, "JetStream is not current with the meta leader", nil, "DEBUG"},
		{(*serverLog).Warnf, "%s", []any{"Filestore [X] Recovering stream state from index errored: prior state file"}, "DEBUG"},
		{(*serverLog).Warnf, "Catchup for stream '%s > %s' resetting first sequence: %d on catchup request", []any{"$G", "KV", 1}, "DEBUG"},
		{(*serverLog).Warnf, "JetStream cluster stream '%s' has NO quorum, stalled", []any{"KV"}, "WARN"},
		{(*serverLog).Errorf, "Error trying to connect to route (attempt %v): %v", []any{1, "refused"}, "DEBUG"},
		{(*serverLog).Errorf, "Error trying to connect to route (attempt %v): %v", []any{10, "refused"}, "WARN"},
		{(*serverLog).Errorf, "Error listening on router port: %d - %v", []any{3101, "in use"}, "ERROR"},
	} {
		var logged bytes.Buffer
		m.write(&serverLog{to: slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))}, m.text, m.value...)
		if !strings.Contains(logged.String(), "level="+m.want+" ") {
			t.Errorf("%q: got %s, want the level %s", m.text, logged.String(), m.want)
		}
	}
}

// A node that cannot be reached is a warning after 10 attempts, and then at each 60th one: once, although each node has several connections.
func TestANodeThatCannotBeReachedIsAWarningOnceAMinute(t *testing.T) {
	var logged bytes.Buffer
	s := &serverLog{to: slog.New(slog.NewTextHandler(&logged, nil))}
	for attempt := 1; attempt <= 180; attempt++ {
		if attempt != 1 && attempt%routeReports != 0 {
			continue // the server does not report it
		}
		for range 4 {
			for _, peer := range []string{"b", "c"} {
				s.Errorf("Error trying to connect to route (attempt %v): %v", attempt, errors.New("dial "+peer))
			}
		}
	}
	for _, peer := range []string{"b", "c"} {
		for _, attempt := range []int{10, 60, 120, 180} {
			if want := fmt.Sprintf("(attempt %d): dial %s", attempt, peer); strings.Count(logged.String(), want) != 1 {
				t.Errorf("got %d lines %q, want one", strings.Count(logged.String(), want), want)
			}
		}
	}
	if got := strings.Count(logged.String(), "\n"); got != 8 {
		t.Errorf("got %d lines, want 8:\n%s", got, logged.String())
	}
}
