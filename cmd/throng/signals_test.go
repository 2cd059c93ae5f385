package main

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// logged is a server whose log goes to a pipe. The test has both ends.
type logged struct {
	cmd    *exec.Cmd
	reader *os.File
	writer *os.File
	lines  *json.Decoder
	chat   string // address
}

func startLogged(t *testing.T, args ...string) *logged {
	t.Helper()
	return runLogged(t, throng(t, append([]string{"serve", "--listen", "127.0.0.1:0", "--admin", "off"}, args...)...))
}

// runLogged starts the command of a server.
func runLogged(t *testing.T, cmd *exec.Cmd) *logged {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = writer
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	l := &logged{cmd: cmd, reader: reader, writer: writer, lines: json.NewDecoder(reader)}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			if err := errors.Join(cmd.Process.Kill(), cmd.Wait()); err != nil {
				t.Log(err)
			}
		}
		reader.Close()
		writer.Close()
	})
	ready := l.line(t)
	if ready["msg"] != "ready" {
		t.Fatalf("got %v, want ready first", ready)
	}
	l.chat = ready["listen"].(string)
	return l
}

// line returns the next line of the log.
func (l *logged) line(t *testing.T) (line map[string]any) {
	t.Helper()
	if err := l.reader.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := l.lines.Decode(&line); err != nil {
		t.Fatal(err)
	}
	return line
}

func (l *logged) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := l.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// exit waits for the process to end.
func (l *logged) exit(t *testing.T) (code int) {
	t.Helper()
	late := time.AfterFunc(30*time.Second, func() {
		t.Error("the process did not end")
		l.cmd.Process.Kill()
	})
	defer late.Stop()
	if err := l.cmd.Wait(); err != nil {
		t.Logf("throng: %v", err)
	}
	return l.cmd.ProcessState.ExitCode()
}

// answers checks that the server still responds.
func (l *logged) answers(t *testing.T) {
	t.Helper()
	conn, err := net.Dial("tcp", l.chat)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200 ") {
		t.Fatalf("got %.40q, %v; want the page", answer, err)
	}
}

func TestALogReaderThatEndedDoesNotEndTheServer(t *testing.T) {
	t.Parallel()
	l := startLogged(t)
	if err := errors.Join(l.reader.Close(), l.writer.Close()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		l.signal(t, syscall.SIGHUP) // logs a line, into a broken pipe
		l.answers(t)
	}
	l.signal(t, syscall.SIGTERM)
	if code := l.exit(t); code != 0 {
		t.Errorf("got exit %d, want 0", code)
	}
}

// fill fills the pipe of the log, so that the next write to it blocks.
func (l *logged) fill(t *testing.T) {
	t.Helper()
	page := make([]byte, os.Getpagesize())
	for {
		fds := []unix.PollFd{{Fd: int32(l.writer.Fd()), Events: unix.POLLOUT}}
		n, err := unix.Poll(fds, 0)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
		if _, err := l.writer.Write(page); err != nil {
			t.Fatal(err)
		}
	}
}

func TestALogReaderThatStoppedDoesNotStopTheServer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		signals []os.Signal
		code    int
	}{
		{"one signal drains", []os.Signal{syscall.SIGTERM}, 0},
		{"the second signal ends at once", []os.Signal{syscall.SIGTERM, syscall.SIGTERM}, exitFailed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := startLogged(t, "--drain", "1h")
			var held net.Conn
			if len(tt.signals) > 1 {
				held = upgraded(t, l.chat) // it does not answer the close, so that the drain lasts
				defer held.Close()
			}
			l.fill(t)
			l.signal(t, syscall.SIGHUP)
			l.answers(t)
			for i, s := range tt.signals {
				if i > 0 {
					closeFrame(t, held) // the first signal was taken: two at once may be one
				}
				l.signal(t, s)
			}
			if code := l.exit(t); code != tt.code {
				t.Errorf("got exit %d, want %d", code, tt.code)
			}
		})
	}
}

// upgraded opens a WebSocket connection.
func upgraded(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	var head []byte
	for !strings.HasSuffix(string(head), "\r\n\r\n") {
		var b [1]byte
		if _, err := conn.Read(b[:]); err != nil {
			t.Fatal(err)
		}
		head = append(head, b[0])
	}
	return conn
}

// closeFrame waits for the server's close frame.
func closeFrame(t *testing.T, conn net.Conn) {
	t.Helper()
	var b [1]byte
	if _, err := conn.Read(b[:]); err != nil || b[0] != 0x88 {
		t.Fatalf("got %#x, %v; want a close frame", b[0], err)
	}
}

// SIGHUP ends no server that is still starting: systemd would not start it again.
func TestSIGHUPDuringTheStartEndsNothing(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "secret")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := throng(t, "serve", "--listen", "127.0.0.1:0", "--admin", "off", "--data", filepath.Join(t.TempDir(), "data"), "--cluster", "c", "--node", "a",
		"--cluster-listen", "127.0.0.1:1", "--peers", "127.0.0.1:1,127.0.0.1:2,127.0.0.1:3", "--cluster-secret-file", pipe)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	secret, err := os.OpenFile(pipe, os.O_WRONLY, 0) // waits until the server reads it, in the middle of its start
	if err == nil {
		err = cmd.Process.Signal(syscall.SIGHUP)
	}
	if err != nil {
		t.Fatal(errors.Join(err, cmd.Process.Kill()))
	}
	if err := secret.Close(); err != nil { // an empty secret ends the start
		t.Fatal(err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != exitFailed {
		t.Errorf("got %v, want exit %d", err, exitFailed)
	}
}
