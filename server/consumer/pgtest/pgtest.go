// Package pgtest starts a PostgreSQL server for tests, on a Unix socket, with the binaries of the machine.
package pgtest

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server is a PostgreSQL server.
type Server struct {
	t       testing.TB
	dir     string // data directory and socket
	command *exec.Cmd
	ended   chan struct{}
	log     bytes.Buffer // of the process that has ended last
}

// nobody is the user of the server if the test is root's, which PostgreSQL does not accept.
const nobody = 65534

// Start starts a server that ends with the test. It skips the test if PostgreSQL is not installed.
func Start(t testing.TB) *Server {
	t.Helper()
	initdb := binary("initdb")
	if initdb == "" || binary("postgres") == "" {
		t.Skip("PostgreSQL is not installed: on Debian, apt-get install postgresql")
	}
	dir, err := os.MkdirTemp("", "throng-pg") // not t.TempDir, which other users cannot enter
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, dir: dir}
	t.Cleanup(func() {
		s.Kill()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := s.as(initdb, "-D", s.data(), "-U", "postgres", "-A", "trust", "-N", "--no-instructions", "-E", "UTF8", "--locale=C").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	s.Restart()
	return s
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// binary returns the path of a program of PostgreSQL; empty if it is not installed. Debian keeps them out of PATH.
func binary(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name) // the pattern is valid
	slices.Sort(found)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

func (s *Server) as(path string, args ...string) *exec.Cmd {
	command := exec.Command(path, args...)
	command.Dir = s.dir
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		command.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	return command
}

// Restart starts the server, after a Kill if it runs. It waits until the server accepts connections.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	s.log.Reset()
	s.command = s.as(binary("postgres"), "-D", s.data(), "-k", s.dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=40")
	s.command.Stdout, s.command.Stderr = &s.log, &s.log
	if err := s.command.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan struct{})
	s.ended = ended
	go func(c *exec.Cmd) {
		_ = c.Wait() // killed
		close(ended)
	}(s.command)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		conn, err := pgx.Connect(context.Background(), s.URL())
		if err == nil {
			_ = conn.Close(context.Background())
			return
		}
		select {
		case <-ended:
			s.t.Fatalf("postgres ended: %s", s.log.String())
		default:
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("postgres does not accept connections: %v", err)
		}
	}
}

// Kill ends the server and its connections at once.
func (s *Server) Kill() {
	if s.command == nil {
		return
	}
	_ = s.command.Process.Signal(syscall.SIGQUIT) // immediate shutdown: as a crash, but its children end as well
	<-s.ended
	s.command = nil
}

// URL returns the address of the server.
func (s *Server) URL() string { return "postgres:///postgres?user=postgres&host=" + s.dir }

// Exec executes a statement.
func (s *Server) Exec(sql string, args ...any) {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.URL())
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(s.t.Context(), sql, args...); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
}

// Count returns the number that a query returns.
func (s *Server) Count(sql string, args ...any) (n int) {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.URL())
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if err := conn.QueryRow(s.t.Context(), sql, args...).Scan(&n); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
	return n
}
