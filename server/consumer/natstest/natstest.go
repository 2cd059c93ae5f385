// Package natstest starts a NATS server with JetStream for tests, in this process.
package natstest

import (
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Server is a NATS server with a data directory. A restart has the same port.
type Server struct {
	t    testing.TB
	dir  string
	port int
	ns   *server.Server
}

// Start starts a server that ends with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, dir: t.TempDir(), port: server.RANDOM_PORT}
	t.Cleanup(s.Kill)
	s.Restart()
	return s
}

// Restart starts the server, after a Kill if it runs.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	ns, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: s.port, JetStream: true, StoreDir: s.dir, NoLog: true, NoSigs: true})
	if err != nil {
		s.t.Fatal(err)
	}
	s.ns = ns
	ns.Start()
	if !ns.ReadyForConnections(time.Minute) {
		s.t.Fatal("the NATS server is not ready")
	}
	s.port = ns.Addr().(*net.TCPAddr).Port
}

// Kill ends the server.
func (s *Server) Kill() {
	if s.ns != nil {
		s.ns.Shutdown()
		s.ns.WaitForShutdown()
		s.ns = nil
	}
}

// URL returns the address of the server.
func (s *Server) URL() string { return s.ns.ClientURL() }

// JetStream returns a connection, which ends with the test.
func (s *Server) JetStream() jetstream.JetStream {
	s.t.Helper()
	conn, err := nats.Connect(s.URL(), nats.Timeout(time.Minute))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		s.t.Fatal(err)
	}
	return js
}

// Stream creates a stream with the subjects NAME.>.
func (s *Server) Stream(name string) {
	s.t.Helper()
	if _, err := s.JetStream().CreateStream(s.t.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{name + ".>"}}); err != nil {
		s.t.Fatal(err)
	}
}

// Send stores messages in a stream.
func (s *Server) Send(stream string, bodies ...string) {
	s.t.Helper()
	js := s.JetStream()
	for _, body := range bodies {
		if _, err := js.Publish(s.t.Context(), stream+".test", []byte(body)); err != nil {
			s.t.Fatal(err)
		}
	}
}

// AckFloor returns the number of messages up to which a durable consumer has acknowledged all.
func (s *Server) AckFloor(stream, durable string) uint64 {
	s.t.Helper()
	c, err := s.JetStream().Consumer(s.t.Context(), stream, durable)
	if err != nil {
		s.t.Fatal(err)
	}
	return c.CachedInfo().AckFloor.Stream
}

// Forget deletes a durable consumer, with its acknowledgements.
func (s *Server) Forget(stream, durable string) {
	s.t.Helper()
	if err := s.JetStream().DeleteConsumer(s.t.Context(), stream, durable); err != nil {
		s.t.Fatal(err)
	}
}
