//go:build linux

package main

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

var logAttacks = []attack{
	{name: "log reader gone", log: true, run: logReaderGone},
	{name: "log reader stopped", log: true, run: logReaderStopped},
	{name: "log reader stopped, then SIGTERM", log: true, ends: true, run: stopsAtLast},
}

// noise makes the server log some lines, by requests with a foreign origin.
func noise(t *target) {
	for range 3 {
		t.raw("/ws", how{header: "Origin: https://evil.example\r\n"}) // 403, or an error
		time.Sleep(1100 * time.Millisecond)
	}
}

// logReaderGone closes the pipe of the server's log.
func logReaderGone(t *target) (string, error) {
	if err := errors.Join(t.log.out.Close(), t.log.in.Close()); err != nil {
		return "", err
	}
	noise(t)
	if t.ended() {
		return "", nil // as documented
	}
	_, err := t.plain("after", how{})
	return "", err
}

// logReaderStopped fills the pipe of the log and stops reading it. The server must serve clients, and end after two SIGTERMs at most.
func logReaderStopped(t *target) (string, error) {
	defer t.log.out.Close()
	if err := t.log.fill(); err != nil {
		return "", err
	}
	if err := t.log.in.Close(); err != nil {
		return "", err
	}
	done := make(chan error, 1)
	go func() {
		noise(t)
		_, err := t.plain("after", how{})
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			return "", fmt.Errorf("a new client: %w", err)
		}
	case <-time.After(10 * time.Second):
		return "", errors.New("no new client is served")
	}
	return "", nil
}

// stopsAtLast ends a server with a stopped log reader by signals.
func stopsAtLast(t *target) (string, error) {
	defer t.log.out.Close()
	if err := errors.Join(t.log.fill(), t.log.in.Close()); err != nil {
		return "", err
	}
	start := time.Now()
	for range 2 {
		if err := t.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			return "", err
		}
		time.Sleep(500 * time.Millisecond)
	}
	select {
	case <-t.gone:
		return fmt.Sprintf("ended after %v", time.Since(start).Round(100*time.Millisecond)), nil
	case <-time.After(10 * time.Second):
		return "", errors.New("two SIGTERMs do not end the server")
	}
}
