//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

var joinAttacks = []attack{
	{name: "2,500 joins and leaves a second", config: quiet + "rate = 1000\n[[room]]\npattern = \"a\"\njoin-leave = true\npresence = true\n", run: joinAndLeave, p99: 50 * time.Millisecond},
	{name: "3,000 connections of one address", flags: []string{"--trusted-proxy", "127.0.0.9"}, run: arrivals},
	{name: "300 join a room of 50 at once", race: true, config: "[[room]]\npattern = \"full*\"\nmax-members = 50\n", run: joinAtOnce},
}

// joinAndLeave makes one client join and leave all the time, in a room in which 40 members read 20 KB/s.
func joinAndLeave(t *target) (string, error) {
	var cut atomic.Int64
	for i := range 40 {
		phone, err := t.sdk(fmt.Sprint("phone", i), how{receive: 4 << 10, rate: 20_000}, `"subscribe":{"channel":"a","join_leave":true}`)
		if err != nil {
			return "", err
		}
		go func() {
			for {
				if _, err := phone.message(); err != nil {
					cut.Add(1)
					return
				}
			}
		}()
	}
	clients := make([]*raw, 25)
	for i := range clients {
		v, err := t.sdk(fmt.Sprint("client", i), how{})
		if err != nil {
			return "", err
		}
		v.discard()
		clients[i] = v
	}
	t.begin()
	end := time.Now().Add(12 * time.Second)
	times := 0
	for tick := time.NewTicker(10 * time.Millisecond); time.Now().Before(end); <-tick.C {
		for _, v := range clients {
			times++
			if _, err := v.Write(frame(batch(10*times, `"subscribe":{"channel":"a"}`, `"unsubscribe":{"channel":"a"}`))); err != nil {
				return "", fmt.Errorf("the client that joins and leaves: %w", err)
			}
		}
	}
	note := fmt.Sprintf("%d joins a second, %d of 40 slow members closed", times/12, cut.Load())
	if cut.Load() > 0 {
		return note, errors.New("members were closed")
	}
	return note, nil
}

// arrivals opens and closes connections with one client address behind a trusted proxy. A client with another address must be served
// meanwhile.
func arrivals(t *target) (string, error) {
	const rate, burst = 200, 2000 // of throng, by default
	var turnedAway atomic.Int64
	begun := time.Now()
	err := crowd(3000, func(int) error {
		c, err := t.raw("/ws", how{from: "127.0.0.9", header: "X-Forwarded-For: 203.0.113.7\r\n"})
		var no refused
		switch {
		case errors.As(err, &no) && no.status == http.StatusTooManyRequests:
			turnedAway.Add(1)
			return nil
		case err != nil:
			return err
		}
		return c.Close()
	})
	if err != nil {
		return "", err
	}
	if _, err := t.raw("/ws", how{from: "127.0.0.9", header: "X-Forwarded-For: 203.0.113.8\r\n"}); err != nil {
		return "", fmt.Errorf("another address: %w", err)
	}
	took := time.Since(begun)
	note := fmt.Sprintf("%d of 3000 rejected in %v", turnedAway.Load(), took.Round(time.Millisecond))
	if turnedAway.Load() == 0 && 3000 > burst+rate*took.Seconds() { // over TLS, a busy machine may not reach the rate
		return note, errors.New("no connection was rejected")
	}
	return note, nil
}

// joinAtOnce makes plain clients join limited rooms at the same time: it sends the last byte of all handshakes together.
func joinAtOnce(t *target) (string, error) {
	const rooms, each, most = 10, 300, 50
	for r := range rooms {
		var in atomic.Int64
		head := fmt.Sprintf("GET /ws?room=full%d HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r", r)
		conns := make([]net.Conn, each)
		if err := crowd(each, func(i int) (err error) {
			if conns[i], err = t.tcp(how{from: fmt.Sprintf("127.0.1.%d", i/40+1)}); err == nil {
				_, err = conns[i].Write([]byte(head))
			}
			return err
		}); err != nil {
			return "", err
		}
		time.Sleep(200 * time.Millisecond) // until the server has read the first parts
		for _, c := range conns {
			if _, err := c.Write([]byte("\n")); err != nil {
				return "", err
			}
		}
		if err := crowd(each, func(i int) error {
			answer, err := http.ReadResponse(bufio.NewReader(conns[i]), nil)
			if err == nil && answer.StatusCode == http.StatusSwitchingProtocols {
				in.Add(1)
			}
			return err
		}); err != nil {
			return "", err
		}
		if got := in.Load(); got != most {
			return "", fmt.Errorf("a room of %d has %d members", most, got)
		}
	}
	return "", nil
}
