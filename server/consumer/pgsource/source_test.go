//go:build !noconsumers

package pgsource

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/consumer"
	"github.com/throng-chat/throng/server/consumer/consumertest"
	"github.com/throng-chat/throng/server/consumer/pgtest"
)

// tables returns the SQL of docs/consumers.md with another name of the table.
func tables(t *testing.T, table string) string {
	t.Helper()
	page, err := os.ReadFile("../../../docs/consumers.md")
	if err != nil {
		t.Fatal(err)
	}
	_, sql, _ := strings.Cut(string(page), "```sql\n")
	sql, _, found := strings.Cut(sql, "```")
	if !found || !strings.Contains(sql, "CREATE TABLE throng_outbox (") {
		t.Fatal("docs/consumers.md does not begin its SQL with the tables")
	}
	return strings.ReplaceAll(sql, "throng_outbox", table)
}

func insert(pg *pgtest.Server, table string, bodies ...string) {
	for _, body := range bodies {
		var m struct {
			Method  string
			Payload json.RawMessage
		}
		if json.Unmarshal([]byte(body), &m) != nil || m.Method == "" {
			continue // no row can have it
		}
		if m.Payload == nil {
			m.Payload = json.RawMessage("null")
		}
		pg.Exec("INSERT INTO "+table+" (method, payload) VALUES ($1, $2)", m.Method, string(m.Payload))
	}
}

func settings(pg *pgtest.Server, table string) Config {
	return Config{URL: pg.URL(), Table: table, Partitions: 1, Channel: table, PollInterval: 100 * time.Millisecond}
}

func TestASourceOfPostgresKeepsItsPromises(t *testing.T) {
	t.Parallel()
	pg, n := pgtest.Start(t), 0
	consumertest.Run(t, func(t *testing.T) consumertest.Stream {
		n++
		table := fmt.Sprintf("outbox%d", n)
		pg.Exec(tables(t, table))
		return consumertest.Stream{
			Source:  func() consumer.Source { return &Source{Config: settings(pg, table), MaxBody: 1 << 20} },
			Send:    func(bodies ...string) { insert(pg, table, bodies...) },
			Restart: pg.Restart,
		}
	})
}
