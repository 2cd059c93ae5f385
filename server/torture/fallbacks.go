//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

var fallbackAttacks = []attack{
	{name: "600 unread streams, 3,000 bodies", run: hostileStreams, memory: 96 << 20, p99: 100 * time.Millisecond},
}

const wrongSession = `{"session":"00000000000000000000000000000000","data":"{}"}`

// hostileStreams opens HTTP streams that are not read, in a room with publications, and sends requests for commands meanwhile: with slow bodies,
// huge ones, and wrong sessions. The server must close the streams, and hold a bounded number of bodies.
func hostileStreams(t *target) (string, error) {
	const streams = 600
	unread := make([]net.Conn, streams)
	commands := `{"id":1,"connect":{"token":"` + token("reader") + `"}}` + "\n" + `{"id":2,"subscribe":{"channel":"flood"}}`
	if err := crowd(streams, func(i int) (err error) {
		unread[i], err = t.post("/connection/http_stream", how{from: fmt.Sprintf("127.0.2.%d", i%200+1), receive: 2 << 10}, len(commands), commands)
		return err
	}); err != nil {
		return "", err
	}
	talker, err := t.plain("flood", how{})
	if err != nil {
		return "", err
	}
	talker.discard()
	published := make(chan error, 1)
	go func() { published <- publishFor(talker, 4*time.Second) }()
	statuses := make([]int, 1000)
	if err := crowd(3*len(statuses), func(i int) error {
		from := how{from: fmt.Sprintf("127.0.3.%d", i%200+1)}
		switch i % 3 {
		case 0: // a slow body
			_, err := t.post("/emulation", from, 100_000, "{")
			return err
		case 1: // a huge one
			c, err := t.post("/emulation", from, 150_000, strings.Repeat("x", 150_000))
			if err != nil {
				return nil // closed while it was sent
			}
			return c.Close()
		}
		c, err := t.post("/emulation", from, len(wrongSession), wrongSession)
		if err != nil {
			return err
		}
		defer c.Close()
		statuses[i/3], err = statusOf(c)
		return err
	}); err != nil {
		return "", err
	}
	if err := <-published; err != nil {
		return "", err
	}
	if slices.ContainsFunc(statuses, func(s int) bool { return s != http.StatusNotFound && s != http.StatusTooManyRequests }) {
		return "", errors.New("a wrong session got another status than 404 and 429")
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		open, err := t.metric("throng_connections") // a client that does not read does not see the end of TCP
		if err != nil {
			return "", err
		}
		if open < streams/10 {
			return fmt.Sprintf("%d streams closed", streams), nil
		}
		if time.Now().After(end) {
			return "", fmt.Errorf("%.0f of %d streams that are not read are open", open, streams)
		}
	}
}

// post sends a request with a body of which it says that it has n bytes.
func (t *target) post(path string, o how, n int, body string) (net.Conn, error) {
	c, err := t.tcp(o)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%s", path, n, body)
	return c, err
}

func statusOf(c net.Conn) (status int, err error) {
	if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return 0, err
	}
	var line [16]byte
	if _, err := io.ReadFull(c, line[:]); err != nil {
		return 0, err
	}
	_, err = fmt.Sscanf(string(line[:]), "HTTP/1.1 %d", &status)
	return status, err
}

// publishFor publishes messages of 8 KiB for a time, 20 a second.
func publishFor(talker *raw, d time.Duration) error {
	message := frame([]byte(strings.Repeat("x", 8<<10)))
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if _, err := talker.Write(message); err != nil {
			return err
		}
	}
	return nil
}
