//go:build linux

package main

import (
	"net"
	"net/http"
	"syscall"
	"time"
)

// attacks are all cases, in the order in which they run.
var attacks = []attack{
	{name: "SIGHUP, ten times", run: hangups},
	{name: "paused for 3 s", run: paused},
}

// clientOf dials by d.
func clientOf(d *net.Dialer) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: d.DialContext, DisableKeepAlives: true}}
}

// hangups sends the signal that once ended the server.
func hangups(t *target) (string, error) {
	for range 10 {
		if err := t.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			return "", err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return "", nil
}

// paused stops the process, as a suspended machine does. Nobody may be cut for it.
func paused(t *target) (string, error) {
	if err := t.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return "", err
	}
	time.Sleep(3 * time.Second)
	if err := t.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		return "", err
	}
	time.Sleep(time.Second)
	_, err := t.plain("after")
	return "", err
}
