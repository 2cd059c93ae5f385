//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// wait is the deadline of each step of a client. It is not a measurement.
const wait = 30 * time.Second

func deadline() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), wait)
}

// member is an SDK client in JSON.
type member struct {
	conn *websocket.Conn
	id   int
}

// send writes a frame of commands and does not wait for replies. A command has neither braces nor an ID: send adds both.
func (m *member) send(commands ...string) error {
	ctx, cancel := deadline()
	defer cancel()
	var frame strings.Builder
	for i, c := range commands {
		if i > 0 {
			frame.WriteByte('\n')
		}
		m.id++
		fmt.Fprintf(&frame, `{"id":%d,%s}`, m.id, c)
	}
	return m.conn.Write(ctx, websocket.MessageText, []byte(frame.String()))
}

// reply is the result of call.
type reply struct {
	ID    int             `json:"id"`
	Error *apiError       `json:"error"`
	Raw   json.RawMessage `json:"-"`
}

type apiError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *apiError) Error() string { return fmt.Sprintf("error %d: %s", e.Code, e.Message) }

// call sends one command and waits for its reply. It drops pushes and answers pings. An error reply is returned as *apiError.
func (m *member) call(command string) (reply, error) {
	if err := m.send(command); err != nil {
		return reply{}, err
	}
	for {
		lines, err := m.read()
		if err != nil {
			return reply{}, err
		}
		for _, line := range lines {
			var r reply
			if err := json.Unmarshal(line, &r); err != nil {
				return reply{}, err
			}
			if r.ID == m.id {
				r.Raw = line
				if r.Error != nil {
					return r, r.Error
				}
				return r, nil
			}
		}
	}
}

// read waits for one frame and returns its lines. It answers pings.
func (m *member) read() ([][]byte, error) {
	ctx, cancel := deadline()
	defer cancel()
	_, frame, err := m.conn.Read(ctx)
	if err != nil {
		return nil, err
	}
	lines := bytes.Split(frame, []byte("\n"))
	for _, line := range lines {
		if string(line) == "{}" {
			if err := m.conn.Write(ctx, websocket.MessageText, line); err != nil {
				return nil, err
			}
		}
	}
	return lines, nil
}
