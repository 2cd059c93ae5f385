package agent

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Link sends messages of type Out and receives messages of type In, as lines of JSON. Send is safe for concurrent use. One goroutine at a
// time may call Receive.
type Link[In, Out any] struct {
	mu  sync.Mutex
	out *bufio.Writer
	in  *json.Decoder
}

// NewLink returns a link over stream.
func NewLink[In, Out any](stream io.ReadWriter) *Link[In, Out] {
	return &Link[In, Out]{out: bufio.NewWriter(stream), in: json.NewDecoder(bufio.NewReader(stream))}
}

// Send writes one message. It blocks while the stream does.
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

// Receive waits for the next message. It returns io.EOF at the end of the stream.
func (l *Link[In, Out]) Receive() (m In, err error) {
	if err := l.in.Decode(&m); err != nil {
		if errors.Is(err, io.EOF) {
			return m, io.EOF
		}
		return m, fmt.Errorf("link: %w", err)
	}
	return m, nil
}
