package testkit

import (
	"bytes"
	"strings"
	"sync"
)

// LogBuffer keeps what goroutines write, while a test reads it.
type LogBuffer struct {
	mu   sync.Mutex // a leaf
	text bytes.Buffer
}

func (lb *LogBuffer) Write(b []byte) (int, error) {
	lb.mu.Lock()
	defer lb.mu.Unlock()
	return lb.text.Write(b)
}

// String returns all that was written.
func (lb *LogBuffer) String() string {
	lb.mu.Lock()
	defer lb.mu.Unlock()
	return lb.text.String()
}

// Count returns how often part was written.
func (lb *LogBuffer) Count(part string) int { return strings.Count(lb.String(), part) }
