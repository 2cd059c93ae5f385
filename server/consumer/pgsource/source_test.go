package pgsource

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/consumer"
	"github.com/throng-chat/throng/server/consumer/consumertest"
	"github.com/throng-chat/throng/server/consumer/pgtest"
)

// The table of docs/consumers.md, with the names of a test.
const tables = `
CREATE TABLE %[1]s (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  method text NOT NULL,
  payload jsonb NOT NULL,
  partition integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON %[1]s (partition, id);
CREATE FUNCTION %[1]s_notify() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    NOTIFY %[1]s;
    RETURN NULL;
  END $$;
CREATE TRIGGER %[1]s_notify AFTER INSERT ON %[1]s FOR EACH STATEMENT EXECUTE FUNCTION %[1]s_notify();
CREATE TABLE %[1]s_rejected (
  id bigint PRIMARY KEY,
  method text NOT NULL,
  payload jsonb NOT NULL,
  partition integer NOT NULL,
  created_at timestamptz NOT NULL,
  error text NOT NULL
);`

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
		pg.Exec(fmt.Sprintf(tables, table))
		return consumertest.Stream{
			Source:  func() consumer.Source { return &Source{Config: settings(pg, table), MaxBody: 1 << 20} },
			Send:    func(bodies ...string) { insert(pg, table, bodies...) },
			Restart: pg.Restart,
		}
	})
}
