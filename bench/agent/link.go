package agent

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Link carries messages of one kind in and of another out. Send may be called by any goroutine, Receive by one.
type Link[In, Out any] struct {
	mu  sync.Mutex
	out *bufio.Writer
	in  *json.Decoder
}

// NewLink speaks over a stream.
func NewLink[In, Out any](stream io.ReadWriter) *Link[In, Out] {
	return &Link[In, Out]{out: bufio.NewWriter(stream), in: json.NewDecoder(bufio.NewReader(stream))}
}

// Send writes one message.
func (l *Link[In, Out]) Send(m Out) error {
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("link: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.out.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("link: %w", err)
	}
	if err := l.out.Flush(); err != nil {
		return fmt.Errorf("link: %w", err)
	}
	return nil
}

// Receive waits for one message; io.EOF at the end.
func (l *Link[In, Out]) Receive() (m In, err error) {
	if err := l.in.Decode(&m); err != nil {
		if errors.Is(err, io.EOF) {
			return m, io.EOF
		}
		return m, fmt.Errorf("link: %w", err)
	}
	return m, nil
}
