package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/throng-chat/throng/server/admin"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/wheel"
)

// logTimeout is the time for the last log records to be written when the server stops.
const logTimeout = time.Second

// Run serves until ctx is done or a port fails. Then it stops gracefully within the drain time: it accepts no connection, sends a close frame
// to every client, and waits for unfinished work. It returns when all goroutines that it started have ended.
func (s *Server) Run(ctx context.Context) error {
	stopLog := s.logs.Start()
	defer stopLog(logTimeout)
	defer beginAudit(s.audit, s.cfg.Version, s.log)()
	defer exportTraces(s.sessions.Tracer)()
	var owners sync.WaitGroup
	fetching, stopFetching := context.WithCancel(context.Background())
	defer stopFetching()
	var serving sync.WaitGroup
	failed := make(chan error, 8) // one for each goroutine of serving
	err := s.pause()              // before the admin port answers
	servers := s.serveOperators(&serving, failed)
	abandon := func(err error) error { // before clients are served
		s.subscriptions.Stop(0)
		stopFetching()
		owners.Wait()
		err = errors.Join(err, s.closeListeners())
		s.end(servers)
		serving.Wait()
		return errors.Join(err, closeData(s.engine))
	}
	s.watch()
	if s.node != nil {
		owners.Go(func() { s.node.Run(fetching) })
	}
	if err == nil {
		err = s.load(ctx, fetching, &owners)
	}
	if err != nil || ctx.Err() != nil {
		return abandon(err)
	}
	s.subscriptions.Start()
	expire := func(now time.Time, _ wheel.Tick) { s.edge.Pending.Expire(now) }
	if err = s.sessions.Start(s.files, s.cfg.PingInterval, s.cfg.PingTimeout, s.sessions.OnTick, expire); err != nil {
		return abandon(err)
	}
	admin.WatchHub(s.metrics, s.sessions)
	s.starting.at(stepNone)
	if s.Ready != nil {
		s.Ready()
	}
	owners.Go(s.sessions.Hooks.Run)
	s.maintain(fetching, &owners)
	servers = append(s.serve(&serving, failed), servers...)
	s.consumers.start()
	select {
	case <-ctx.Done():
	case <-s.drained.made:
	case err = <-failed:
	}
	s.shutdown()

	// The admin port is available until here, so that operators can watch the shutdown.
	s.end(servers)
	s.grpc.stop()
	serving.Wait()
	for _, acceptor := range s.acceptors() {
		acceptor.End()
	}
	s.sessions.Quit()
	stopFetching()
	s.endWorkers()
	owners.Wait()
	err = errors.Join(err, closeData(s.engine))
	s.sessions.Stop() // last, because the others post to its pollers
	return err
}

// load reads what the server needs before it serves, and ends the pause of its ports. It returns nil if ctx ends first.
func (s *Server) load(ctx, running context.Context, owners *sync.WaitGroup) error {
	if err := loadState(ctx, running, owners, s.engine, s.sessions, &s.starting); err != nil || ctx.Err() != nil {
		return err
	}
	s.starting.at(stepPush)
	if err := ended(ctx, loadWebPush(ctx, &s.cfg.WebPush, s.engine, s.sessions)); err != nil || ctx.Err() != nil {
		return err
	}
	return s.resume()
}

// endWorkers waits for the work of sessions that have ended.
func (s *Server) endWorkers() {
	s.sessions.Hooks.Stop()
	s.sessions.BulkWorkers.Wait()
	s.sessions.Verifiers.Wait()
	s.sessions.Moderators.Wait()
}

// watch adds the metrics that are read from their owners, except those of rooms and connections: their owners do not run yet.
func (s *Server) watch() {
	s.metrics.SetBuild(cmp.Or(s.cfg.Version, session.ServerVersion), s.cfg.Commit)
	admin.WatchLog(s.metrics, s.logs)
	admin.WatchAudit(s.metrics, s.audit)
	admin.WatchCluster(s.metrics, s.node)
	if s.engine != nil {
		health := s.engine.Health
		admin.WatchTables(s.metrics, func() uint64 { return health().RestoredEntries }, func() uint64 { return health().LostEntries })
	}
}

// serveOperators starts the admin port, if it is on. It returns its server.
func (s *Server) serveOperators(serving *sync.WaitGroup, failed chan<- error) []*http.Server {
	if s.admin == nil {
		return nil
	}
	return []*http.Server{serveHTTP(s.admin.HTTPServer(), s.admin.Listener, serving, failed)}
}

// serveHTTP starts the goroutine of a server. It sends at most one error to failed.
func serveHTTP(server *http.Server, on net.Listener, serving *sync.WaitGroup, failed chan<- error) *http.Server {
	serving.Go(func() {
		if err := server.Serve(on); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			failed <- fmt.Errorf("serve %s: %w", on.Addr(), err)
		}
	})
	return server
}

// serve starts the goroutines that accept clients. Each of them sends at most one error to failed. It returns the HTTP servers of their ports.
func (s *Server) serve(serving *sync.WaitGroup, failed chan<- error) (servers []*http.Server) {
	if s.grpc != nil {
		serving.Go(func() {
			if err := s.grpc.serve(); err != nil {
				failed <- err
			}
		})
	}
	for _, acceptor := range s.acceptors() {
		servers = append(servers, serveHTTP(acceptor.HTTPServer(), acceptor, serving, failed))
		serving.Go(func() {
			if err := acceptor.Run(); err != nil {
				failed <- fmt.Errorf("accept on %s: %w", acceptor.Addr(), err)
			}
		})
	}
	return servers
}

// maintain starts the goroutines that keep notifications, token keys, certificates, the logs of durable rooms, the live page and the memory in order
// until ctx ends.
func (s *Server) maintain(ctx context.Context, owners *sync.WaitGroup) {
	owners.Go(func() { s.sessions.Notices.Run(ctx) })
	owners.Go(func() {
		if err := s.sessions.Tokens.Run(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("refresh of the token keys stopped", "error", err)
		}
	})
	if s.tls != nil {
		owners.Go(func() { s.maintainTLS(ctx) })
		if s.tls.acme != nil {
			owners.Go(func() { s.runACME(ctx) })
		}
	}
	for _, d := range s.sessions.Logs() {
		owners.Go(func() { d.Run(ctx) })
	}
	if s.live != nil {
		owners.Go(func() { s.live.Run(ctx) })
	}
	owners.Go(func() { releaseMemory(s.sessions.Live.Load, ctx.Done()) })
}

// end stops HTTP servers. It waits for the requests in progress, for at most a second of each server.
func (s *Server) end(servers []*http.Server) {
	for _, server := range servers {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		err := server.Shutdown(ctx)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			err = server.Close()
		}
		if err != nil && !errors.Is(err, net.ErrClosed) {
			s.log.Debug("close http server", "error", err)
		}
	}
}

// shutdown closes the public port, sends a close frame to every client, and waits for at most the drain time.
func (s *Server) shutdown() {
	start, drain := time.Now(), time.Duration(s.drain.Load())
	s.consumers.stop(drain / 2) // while rooms still accept its publications
	s.sessions.Draining.Store(true)
	if err := s.closeAcceptors(); err != nil {
		s.log.Debug("close listener", "error", err)
	}
	s.sessions.Notices.Flush()
	notified := s.sessions.Live.Load()
	s.log.Info("stopping: sending a close frame to each client", "connections", notified, "at_most", drain.String())
	if s.node != nil {
		s.leaveCluster(start.Add(drain))
	} else {
		drainRooms(s.sessions.Logs(), drain/2, s.log)
	}
	s.sessions.CloseAll()
	s.sessions.WaitEmpty(drain - time.Since(start))
	cut := s.sessions.AbortAll()
	s.sessions.WaitEmpty(time.Second)
	s.sessions.Hooks.Flush(max(drain-time.Since(start), time.Second))
	s.sessions.Notices.FlushPush(max(drain-time.Since(start), time.Second))
	s.subscriptions.Stop(max(drain-time.Since(start), time.Second))
	s.log.Info("stopped", "after", time.Since(start).Round(time.Millisecond).String(), "closed", notified-int64(cut), "cut", cut)
}
