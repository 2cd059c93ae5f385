//go:build !noconsumers

package pgsource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/throng-chat/throng/server/consumer"
)

// The bounds of one batch of rows.
const (
	batchRows  = 100
	BatchBytes = 1 << 20 // of payloads; one row may be larger, up to MaxBody
)

// Source consumes one table.
type Source struct {
	Config  Config
	MaxBody int // bytes of a payload
}

// Run consumes the partitions until ctx ends, or until one of them fails.
func (so *Source) Run(ctx context.Context, ready func(), deliver consumer.Deliver) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var partitions sync.WaitGroup
	var connecting atomic.Int64
	connecting.Store(int64(so.Config.Partitions))
	connected := func() {
		if connecting.Add(-1) == 0 {
			ready()
		}
	}
	for n := range so.Config.Partitions {
		partitions.Go(func() {
			if err := so.partition(ctx, n, connected, deliver); err != nil {
				cancel(err)
			}
		})
	}
	partitions.Wait()
	return context.Cause(ctx)
}

// partition consumes a partition.
func (so *Source) partition(ctx context.Context, n int, connected func(), deliver consumer.Deliver) error {
	r := reader{config: so.Config, table: quoted(so.Config.Table), partition: n, maxBody: so.MaxBody}
	conn, err := so.connect(ctx, func(*pgconn.PgConn, *pgconn.Notification) { r.notified = true })
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := consumer.Committing(ctx)
		defer cancel()
		_ = conn.Close(ctx) // the end of the session unlocks the partition, in any case
	}()
	r.conn = conn
	// A query without rows finds a missing table or column before the consumer is ready.
	if _, err := r.rows(ctx, 0); err != nil {
		return fmt.Errorf("table %s: %w", so.Config.Table, err)
	}
	connected()
	for ctx.Err() == nil {
		mine, err := r.lock(ctx)
		if err != nil {
			return err
		}
		if mine {
			break
		}
		r.idle(ctx, so.Config.PollInterval) // another node has it
	}
	for ctx.Err() == nil {
		more, err := r.batch(ctx, deliver)
		if err != nil {
			return err
		}
		if !more {
			if err := r.wait(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// connect opens a session that the server ends soon after this process cannot be reached.
func (so *Source) connect(ctx context.Context, notified pgconn.NotificationHandler) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(so.Config.URL)
	if err != nil {
		return nil, errors.New("the url is invalid") // the error may contain the password
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = 5 * time.Second
	}
	for name, value := range map[string]string{
		"application_name": "throng", "tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3",
	} {
		if _, own := cfg.RuntimeParams[name]; !own {
			cfg.RuntimeParams[name] = value
		}
	}
	cfg.OnNotification = notified // without it, notifications would collect while rows are delivered
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if so.Config.Channel != "" {
		if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{so.Config.Channel}.Sanitize()); err != nil {
			return nil, errors.Join(err, conn.Close(ctx))
		}
	}
	return conn, nil
}

// reader reads one partition. It belongs to one goroutine.
type reader struct {
	conn      *pgx.Conn
	config    Config
	table     string // quoted
	partition int
	maxBody   int
	notified  bool // since the last wait
}

// row is a row of the outbox.
type row struct {
	id      int64
	method  string
	payload []byte // nil if it is larger than maxBody
	size    int
}

// lock tries to lock the partition for this session.
func (re *reader) lock(ctx context.Context) (mine bool, err error) {
	h := fnv.New32a()
	h.Write([]byte(re.config.Table))
	err = re.conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1, $2)", int32(h.Sum32()), int32(re.partition)).Scan(&mine)
	return mine, err
}

// idle waits for an interval.
func (re *reader) idle(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-ctx.Done()
}

// rows reads the next rows: limit at most, and with BatchBytes of payloads or one row. The order is that of the ids.
func (re *reader) rows(ctx context.Context, limit int) ([]row, error) {
	found, err := re.conn.Query(ctx, `SELECT id, method, CASE WHEN size <= $4 THEN payload::text END, size FROM (
		SELECT id, method, payload, octet_length(payload::text) AS size,
			sum(least(octet_length(payload::text), $4)) OVER (ORDER BY id) AS total, row_number() OVER (ORDER BY id) AS n
		FROM (SELECT id, method, payload FROM `+re.table+` WHERE partition = $1 ORDER BY id LIMIT $2) AS first
	) AS counted WHERE n = 1 OR total <= $3 ORDER BY id`, re.partition, limit, BatchBytes, re.maxBody)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(found, func(from pgx.CollectableRow) (r row, err error) {
		err = from.Scan(&r.id, &r.method, &r.payload, &r.size)
		return r, err
	})
}

// batch delivers the next rows, and deletes those that have an outcome. It returns false if there are none.
func (re *reader) batch(ctx context.Context, deliver consumer.Deliver) (more bool, err error) {
	rows, err := re.rows(ctx, batchRows)
	if err != nil {
		return false, err
	}
	delivering, lost := context.WithCancel(ctx)
	defer lost()
	var done []int64
	last := time.Now()
	commit := func() {
		err = errors.Join(err, re.remove(ctx, done))
		done, last = done[:0], time.Now()
	}
	held := func() {
		if commit(); err == nil {
			err = re.ping(ctx)
		}
		if err != nil {
			lost() // the partition may be another node's
		}
	}
	for _, r := range rows {
		m := consumer.Message{Place: fmt.Sprintf("postgres/%s/%d", re.config.Table, r.id), Method: r.method, Payload: json.RawMessage(r.payload), Held: held}
		if r.payload == nil {
			m.Invalid = consumer.TooLarge(r.size, re.maxBody)
		}
		outcome, reason := deliver(delivering, m)
		switch {
		case outcome == consumer.Stopped:
		case outcome == consumer.Rejected && re.config.Rejected != "":
			err = errors.Join(err, re.move(ctx, r.id, reason))
		default:
			done = append(done, r.id)
		}
		if time.Since(last) > consumer.CommitInterval {
			commit()
		}
		if outcome == consumer.Stopped || err != nil {
			break
		}
	}
	commit()
	return len(rows) > 0, err
}

// remove deletes rows.
func (re *reader) remove(ctx context.Context, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	ctx, cancel := consumer.Committing(ctx)
	defer cancel()
	_, err := re.conn.Exec(ctx, "DELETE FROM "+re.table+" WHERE id = ANY($1)", ids)
	return err
}

// ping returns an error if the session has ended, and with it the lock.
func (re *reader) ping(ctx context.Context) error {
	ctx, cancel := consumer.Committing(ctx)
	defer cancel()
	return re.conn.Ping(ctx)
}

// move moves a rejected row to the table of rejected rows.
func (re *reader) move(ctx context.Context, id int64, reason string) error {
	ctx, cancel := consumer.Committing(ctx)
	defer cancel()
	_, err := re.conn.Exec(ctx, "WITH gone AS (DELETE FROM "+re.table+" WHERE id = $1 RETURNING id, method, payload, partition, created_at) INSERT INTO "+
		quoted(re.config.Rejected)+" (id, method, payload, partition, created_at, error) SELECT *, $2 FROM gone", id, reason)
	return err
}

// wait waits for a notification, for the poll interval at most. One that has come since the last wait ends it at once.
func (re *reader) wait(ctx context.Context) (err error) {
	limited, cancel := context.WithTimeout(ctx, re.config.PollInterval)
	defer cancel()
	if !re.notified {
		_, err = re.conn.WaitForNotification(limited)
	}
	re.notified = false
	if limited.Err() != nil {
		return nil
	}
	return err
}

// validURL reports whether the client understands an address of a database.
func validURL(url string) bool {
	_, err := pgx.ParseConfig(url)
	return err == nil
}

// quoted returns the name of a table as SQL has it.
func quoted(table string) string { return pgx.Identifier(strings.Split(table, ".")).Sanitize() }
