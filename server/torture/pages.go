//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"
)

var pageAttacks = []attack{
	{name: "6,000 unread GET /emoji.json", run: func(t *target) (string, error) { return unreadPages(t, 6000) }, memory: 96 << 20},
	{name: "3,000 of them, 2,000 files", files: 2000, run: func(t *target) (string, error) { return unreadPages(t, 3000) }, memory: 96 << 20},
	{name: "150 of them, 100 an address", flags: []string{"--max-connections-address", "100"}, run: pagesOfOneAddress},
}

const getPage = "GET /emoji.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"

// unread requests a page ten times and reads nothing.
func unread(t *target, from string) (net.Conn, error) {
	c, err := t.tcp(how{from: from, receive: 2 << 10})
	if err != nil {
		return nil, err
	}
	_, err = c.Write(bytes.Repeat([]byte(getPage), 10))
	if err != nil {
		return c, nil // closed already
	}
	return c, nil
}

// unreadPages opens n sockets that request pages and read nothing, with honest handshakes meanwhile. The server must close the sockets.
func unreadPages(t *target, n int) (string, error) {
	honest, err := startHonest(t.chat, handshakes)
	if err != nil {
		return "", err
	}
	defer honest.stop()
	before := honest.measure(time.Second)
	honest.begin()
	pages := make([]net.Conn, n)
	if err := crowd(n, func(i int) (err error) {
		pages[i], err = unread(t, fmt.Sprintf("127.0.1.%d", i%200+1))
		return err
	}); err != nil {
		return "", err
	}
	opening := honest.end()
	open := 0
	for _, c := range pages {
		if established(c) {
			open++
		}
	}
	goroutines, err := t.metric("go_goroutines")
	if err != nil {
		return "", err
	}
	p99 := honest.measure(4 * time.Second)
	if err := honest.err(); err != nil {
		return "", fmt.Errorf("an honest handshake: %w", err)
	}
	note := fmt.Sprintf("handshakes p99 %v before, %v while opening, %v after; %d open, %.0f goroutines", before.Round(100*time.Microsecond),
		opening.Round(100*time.Microsecond), p99.Round(100*time.Microsecond), open, goroutines)
	if p99-before > 100*time.Millisecond {
		return note, fmt.Errorf("honest handshakes: %w, 100 ms", errLate)
	}
	for end := time.Now().Add(5 * time.Second); slices.ContainsFunc(pages, established); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			return note, errors.New("clients that do not read are not closed")
		}
	}
	return note, nil
}

// pagesOfOneAddress checks that sockets with a pending response count for their address.
func pagesOfOneAddress(t *target) (string, error) {
	var pages []net.Conn
	for range 150 {
		c, err := unread(t, "127.0.0.7")
		if errors.Is(err, errHandshake) && len(pages) >= 100 {
			continue // rejected before TLS, without a response
		}
		if err != nil {
			return "", err
		}
		pages = append(pages, c)
	}
	if len(pages) < 100 {
		return "", fmt.Errorf("only %d sockets of the address were accepted", len(pages))
	}
	if _, err := t.plain("lobby", how{from: "127.0.0.8"}); err != nil {
		return "", fmt.Errorf("a client of another address: %w", err)
	}
	open := len(pages)
	for end := time.Now().Add(time.Second); open > 100 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		open = 0
		for _, c := range pages {
			if established(c) {
				open++
			}
		}
	}
	note := fmt.Sprintf("%d stay open", open)
	if open > 100 {
		return note, errors.New("the address has more than 100 sockets")
	}
	return note, nil
}
