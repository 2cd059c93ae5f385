//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

var heldAttacks = []attack{
	{name: "messages of line ends in history", config: "[[room]]\npattern = \"a*\"\nhistory-size = 100000\nhistory-ttl = \"1h\"\n", run: lineEnds, memory: 192 << 20},
	{name: "4,000 unfinished messages", run: unfinished, memory: 192 << 20}, // 64 MiB of messages, and as much garbage
	{
		name:   "4,000 hanging connect webhooks",
		config: "[webhooks]\nurl = \"HANGING\"\nevents = [\"connect\"]\ntimeout = \"30s\"\n",
		run:    hangingConnects, memory: 256 << 20, // 64 MiB of commands, as much garbage, pending requests, and 4,000 connections
	},
}

// The field numbers of client.proto.
const (
	commandConnect   = 4
	commandSubscribe = 5
	commandPublish   = 7
)

// protobuf returns a command of the SDK protocol in Protobuf. Its parameters are strings with the field numbers from 1.
func protobuf(id byte, command byte, parameters ...string) []byte {
	field := func(b []byte, number byte, text string) []byte {
		return append(binary.AppendUvarint(append(b, number<<3|2), uint64(len(text))), text...)
	}
	var all []byte
	for i, text := range parameters {
		all = field(all, byte(i+1), text)
	}
	whole := field([]byte{1 << 3, id}, command, string(all))
	whole = append(binary.AppendUvarint(nil, uint64(len(whole))), whole...)
	return append(head(0x82, len(whole)), whole...)
}

// lineEnds publishes data of 60,000 line ends, of which history keeps seven bytes: the server removes line ends, because they would end a
// command in JSON.
func lineEnds(t *target) (string, error) {
	data := "{" + strings.Repeat("\n", 60_000) + `"a":1}`
	if err := crowd(32, func(i int) error {
		connect := append(protobuf(1, commandConnect, token(fmt.Sprint("user", i))), protobuf(2, commandSubscribe, fmt.Sprint("a", i))...)
		m, err := t.raw("/connection/websocket?cf_protocol=protobuf", how{header: "Sec-WebSocket-Protocol: centrifuge-protobuf\r\n", behind: connect})
		if err != nil {
			return err
		}
		m.discard()
		text := protobuf(3, commandPublish, fmt.Sprint("a", i), data)
		end := time.Now().Add(8 * time.Second)
		if err := m.SetWriteDeadline(end); err != nil {
			return err
		}
		for ; time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if _, err := m.Write(text); err != nil {
				break // backpressure
			}
		}
		return nil
	}); err != nil {
		return "", err
	}
	n, err := t.metric("throng_history_publications")
	if err != nil {
		return "", err
	}
	counted, err := t.metric("throng_history_bytes")
	if err != nil {
		return "", err
	}
	if n == 0 {
		return "", errors.New("nothing was published")
	}
	return fmt.Sprintf("%.0f publications in history, counted as %s", n, mib(int64(counted))), nil
}

// unfinished sends the beginnings of messages.
func unfinished(t *target) (string, error) {
	conns := make([]net.Conn, 4000)
	part := append(head(0x02, 60<<10), make([]byte, 60<<10)...) // without FIN
	if err := crowd(len(conns), func(i int) error {
		c, err := t.plain("a", how{from: fmt.Sprintf("127.0.1.%d", i%8+1), behind: part})
		if err != nil {
			return err
		}
		conns[i] = c.Conn
		return nil
	}); err != nil {
		return "", err
	}
	start := time.Now()
	for slices.ContainsFunc(conns, established) {
		if time.Since(start) > 36*time.Second {
			return "", errors.New("messages have no deadline")
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Sprintf("all closed after %v", time.Since(start).Round(100*time.Millisecond)), nil
}

// hangingConnects sends connect commands with data, followed by more data, while the application does not respond.
func hangingConnects(t *target) (string, error) {
	data := `"hang` + strings.Repeat("x", 60_000) + `"`
	connect := frame(batch(1, `"connect":{"token":"`+token("ann")+`","data":`+data+`}`))
	behind := frame(batch(2, `"publish":{"channel":"a","data":`+data+`}`))
	err := crowd(4000, func(i int) error {
		c, err := t.raw("/connection/websocket", how{from: fmt.Sprintf("127.0.1.%d", i%8+1), behind: slices.Concat(connect, behind)})
		if err != nil {
			return err
		}
		c.discard()
		return nil
	})
	if err != nil {
		return "", err
	}
	time.Sleep(5 * time.Second)
	note := ""
	if n, err := t.metric("throng_held_command_bytes"); err == nil { // older servers do not have the metric
		note = fmt.Sprintf("%s of commands held", mib(int64(n)))
		if n > 64<<20 {
			return note, errors.New("more than 64 MiB of commands are held")
		}
	}
	return note, nil
}
