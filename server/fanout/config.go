package fanout

// Config is the settings of an Engine. All sizes are in bytes.
type Config struct {
	Shards         int
	MaxConnections int
	MaxMessage     int
	Frames         int // a second from one connection; 0 for no limit
	RateBytes      int // a second from one connection; 0 for no limit
	MaxUnsent      int // unsent bytes that one connection may cost alone before it is closed as a slow consumer
	MaxRetained    int // unsent bytes of all connections
}
