//go:build !nonats

package natsbroker

import (
	"bytes"
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
		{(*serverLog).Warnf, "%s", []any{"Filestore [X] Recovering stream state from index errored: prior state file"}, "DEBUG"},
		{(*serverLog).Warnf, "Catchup for stream '%s > %s' resetting first sequence: %d on catchup request", []any{"$G", "KV", 1}, "DEBUG"},
		{(*serverLog).Warnf, "JetStream cluster stream '%s' has NO quorum, stalled", []any{"KV"}, "WARN"},
		{(*serverLog).Errorf, "Error trying to connect to route (attempt %v): %v", []any{1, "refused"}, "WARN"},
		{(*serverLog).Errorf, "Error listening on router port: %d - %v", []any{3101, "in use"}, "ERROR"},
	} {
		var logged bytes.Buffer
		m.write(&serverLog{to: slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))}, m.text, m.value...)
		if !strings.Contains(logged.String(), "level="+m.want+" ") {
			t.Errorf("%q: got %s, want the level %s", m.text, logged.String(), m.want)
		}
	}
}
