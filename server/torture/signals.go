//go:build linux

package main

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

var signalAttacks = []attack{
	{name: "SIGHUP, ten times", run: hangups},
	{name: "paused for 3 s", run: paused},
	{name: "paused beyond a token's expiry", config: quiet, run: pausedToken},
}

// hangups sends SIGHUP, which must not end the server.
func hangups(t *target) (string, error) {
	for range 10 {
		if err := t.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			return "", err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return "", nil
}

// paused stops the process for 3 s, like a suspended machine. No connection may close because of that.
func paused(t *target) (string, error) {
	if err := t.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return "", err
	}
	time.Sleep(3 * time.Second)
	if err := t.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		return "", err
	}
	time.Sleep(time.Second)
	_, err := t.plain("after", how{})
	return "", err
}

// pausedToken stops the process until a token and its grace period of 10 s have expired. After that the session must be closed at once.
func pausedToken(t *target) (string, error) {
	c, err := t.raw("/connection/websocket", how{behind: frame(batch(1, `"connect":{"token":"`+tokenUntil("ann", time.Now().Add(4*time.Second))+`"}`))})
	if err != nil {
		return "", err
	}
	if _, err := c.lines(); err != nil {
		return "", err
	}
	if err := t.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return "", err
	}
	time.Sleep(16 * time.Second)
	if err := t.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		return "", err
	}
	start := time.Now()
	if err := c.SetDeadline(start.Add(5 * time.Second)); err != nil {
		return "", err
	}
	for err == nil {
		_, err = c.message()
	}
	var end closed
	if !errors.As(err, &end) || end.code != 3005 {
		return "", fmt.Errorf("the session is still open 5 s after the pause: %w", err)
	}
	return fmt.Sprintf("3005 after %v", time.Since(start).Round(time.Millisecond)), nil
}
