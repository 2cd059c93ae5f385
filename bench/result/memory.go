package result

import "fmt"

// mostMemoryError is the largest error of the memory per connection with which the value is shown, as a share of the value.
const mostMemoryError = 0.25

// MemoryPerConn is an estimate of the server's memory (PSS) per connection, in bytes.
type MemoryPerConn struct {
	Value  float64
	Error  float64
	Known  bool // false: Error exceeds a quarter of Value
	Levels int  // number of readings; 0: Value is the growth since before the first connection
}

// MemoryPerConn returns the estimate of r. Files of older versions have no error. Their value is the growth, and the error follows from the
// memory before the first connection.
func (r *Result) MemoryPerConn() MemoryPerConn {
	s := &r.Server
	m := MemoryPerConn{Value: s.PerConn, Error: s.PerConnError, Levels: len(s.Levels)}
	if m.Error == 0 && m.Levels == 0 && r.Connect.Opened > 0 {
		m.Error = float64(s.PSSBefore) / float64(r.Connect.Opened)
	}
	m.Known = s.PSSBefore > 0 && m.Value > 0 && m.Error <= mostMemoryError*m.Value
	return m
}

// Text returns the value and how it was estimated, or why it is not known.
func (pc MemoryPerConn) Text() string {
	switch {
	case pc.Known && pc.Levels > 0:
		return fmt.Sprintf("memory per connection: %s ± %s (slope of PSS over %d levels of connections)", Bytes(pc.Value), Bytes(pc.Error), pc.Levels)
	case pc.Known:
		return fmt.Sprintf("memory per connection: %s (growth of PSS)", Bytes(pc.Value))
	case pc.Levels > 0:
		return fmt.Sprintf("memory per connection not known: the slope of PSS over %d levels is %s ± %s; raise --connections",
			pc.Levels, Bytes(pc.Value), Bytes(pc.Error))
	default:
		return "memory per connection not known: PSS grew too little, compared with the PSS before; use the scenario idle with more --connections"
	}
}
