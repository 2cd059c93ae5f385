//go:build !nonats

package natsbroker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/throng-chat/throng/server/broker"
)

// maxMessage is the largest message of the server, in bytes: a record and its head.
const maxMessage = 1 << 20

// instance is one run of the embedded server, or one connection to an external one. After its first failure it is not used any more.
type instance struct {
	options Options
	log     *serverLog
	server  *server.Server // nil: the servers are external
	conn    *nats.Conn
	js      jetstream.JetStream
	missed  func()       // messages of other nodes may be lost; nil on one node
	bytes   atomic.Int64 // of the streams of an external server, at the last look

	down  context.Context         // ended by fail
	fail  context.CancelCauseFunc // the cause wraps ErrUnavailable, ErrFull or ErrClosed
	stops sync.Once
}

func newInstance(o Options) *instance {
	i := &instance{options: o, log: &serverLog{to: o.Log, twin: o.twin}, missed: o.missed}
	i.down, i.fail = context.WithCancelCause(context.Background())
	return i
}

// startInstance starts a server on the files in dir. It blocks while the server reads them.
func startInstance(o Options, dir string) (*instance, error) {
	i := newInstance(o)
	settings, err := serverOptions(o, dir)
	if err != nil {
		return nil, fmt.Errorf("storage engine: %w", err)
	}
	s, err := server.NewServer(settings)
	if err != nil {
		return nil, fmt.Errorf("storage engine: %w", err)
	}
	i.server = s
	s.SetLoggerV2(i.log, false, false, false)
	s.Start()
	if err := i.log.ended(); err != nil || !s.JetStreamEnabled() {
		i.stop()
		return nil, i.classify("start", cmp.Or(err, errors.New(i.log.lastError())))
	}
	i.conn, err = i.connect()
	if err == nil {
		i.js, err = jetstream.New(i.conn)
	}
	if err != nil {
		i.stop()
		return nil, i.classify("start", err)
	}
	return i, nil
}

func serverOptions(o Options, dir string) (*server.Options, error) {
	so := &server.Options{
		ServerName: "throng", DontListen: true, NoSigs: true, NoLog: true, DisableJetStreamBanner: true,
		JetStream: true, StoreDir: dir, SyncAlways: !o.NoSync,
		JetStreamMaxStore: o.MaxStore, JetStreamMaxMemory: 1 << 20, // no stream is in memory
		MaxPayload: maxMessage, MaxPending: 64 << 20, MaxConn: 64, WriteDeadline: 10 * time.Second,
		StreamMaxBufferedMsgs: 1_000, StreamMaxBufferedSize: 64 << 20,
	}
	if o.Join == nil {
		return so, nil
	}
	return so, o.Join.apply(so, o.Cluster)
}

// dial opens a connection inside of the process, or to an external server.
func (i *instance) dial(name string, options ...nats.Option) (*nats.Conn, error) {
	options = append(options, nats.Name(name), nats.NoReconnect())
	if e := i.options.External; e != nil {
		return nats.Connect(strings.Join(e.URLs, ","), append(options, e.options()...)...)
	}
	return nats.Connect("", append(options, nats.InProcessServer(i.server), i.options.Join.login())...)
}

// connect opens the connection of the instance.
func (i *instance) connect() (*nats.Conn, error) {
	return i.dial("throng",
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			i.options.Log.Warn("storage engine: connection", "error", err)
			if i.missed != nil {
				i.missed()
			}
		}),
		nats.ClosedHandler(func(c *nats.Conn) {
			i.fail(fmt.Errorf("storage engine: the connection to its server has ended (%v): %w", c.LastError(), broker.ErrUnavailable))
		}))
}

// stop ends the server and waits for it. A disk that hangs keeps it waiting.
func (i *instance) stop() {
	i.stops.Do(func() {
		i.fail(fmt.Errorf("storage engine: stopped: %w", broker.ErrUnavailable))
		if i.conn != nil {
			i.conn.Close()
		}
		if i.server != nil {
			i.server.Shutdown()
			i.server.WaitForShutdown()
		}
	})
}

// cause is the reason why the instance failed, or nil.
func (i *instance) cause() error { return context.Cause(i.down) }

// checkServer fails the instance if the server has stopped its streams, as it does after some errors: then it does not answer. In a cluster it also fails
// after a write that failed: the other nodes store, and this one would never have their records. On one node the next append notices.
func (i *instance) checkServer() {
	err := i.log.ended()
	switch {
	case i.server == nil: // it is another process
	case !i.server.JetStreamEnabled():
		i.fail(i.classify("run", errors.New("the server has stopped its streams")))
	case err != nil && i.options.Join != nil:
		i.fail(i.classify("run", err))
	}
}

// with returns a context that ends with ctx and with the instance.
func (i *instance) with(ctx context.Context) (context.Context, context.CancelFunc) {
	both, cancel := context.WithCancel(ctx)
	unlink := context.AfterFunc(i.down, cancel)
	return both, func() { unlink(); cancel() }
}

// explain returns the error of a call: that of ctx, the cause of the failed instance, or err with its class.
func (i *instance) explain(ctx context.Context, what string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case i.cause() != nil:
		return i.cause()
	}
	return i.classify(what, err)
}

// classify wraps an error of the server with the error of package broker that it means.
func (i *instance) classify(what string, err error) error {
	class := broker.ErrUnavailable
	var api *jetstream.APIError
	switch {
	case errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence:
		class = broker.ErrFenced
	case errors.As(err, &api) && isFull(api.Description), isFull(err.Error()), isFull(i.log.lastError()):
		class = broker.ErrFull
	}
	return fmt.Errorf("storage engine: %s: %w (%w)", what, class, err)
}

// isFull recognizes the texts of the system and of the limits of the server.
func isFull(text string) bool {
	for _, t := range []string{"no space left", "insufficient resources", "maximum bytes", "resource limits exceeded", "insufficient storage", "disk quota"} {
		if strings.Contains(text, t) {
			return true
		}
	}
	return false
}

// connectReader opens another connection. Its end is not a failure of the instance.
func (i *instance) connectReader() (*nats.Conn, error) {
	return i.dial("throng reader",
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			i.options.Log.Warn("storage engine: connection of a reader", "error", err)
		}))
}

// stored is the number of bytes of all streams.
func (i *instance) stored() int64 {
	if i.server == nil {
		return i.bytes.Load()
	}
	return int64(i.server.GlobalAccount().JetStreamUsage().Store)
}
