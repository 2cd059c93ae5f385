package agent

import "time"

// Limits that are not settings.
const (
	MaxSize       = 1 << 20     // bytes of one message
	reservedFiles = 128         // open files that are not connections
	readBuffer    = 64 << 10    // bytes of one read, shared by a poller's connections
	maxUnsent     = 1 << 20     // bytes that may wait in a publisher whose server does not read
	maxHead       = 8 << 10     // bytes of the answer to a handshake
	maxMessage    = 2 * MaxSize // bytes of one message of the server
	maxFragments  = 1024        // of one message
	shortestSleep = 250_000     // nanoseconds: what falls due sooner is sent together
	longestSleep  = 50_000_000  // nanoseconds until the sender looks whether it shall stop
	lagEvery      = 100_000_000 // nanoseconds between two looks at the pollers' lag
	smallBuffer   = 4 << 10     // bytes the kernel keeps for a reader that will stop
	goodbye       = time.Second // for a server to answer a close frame
)

const usualPorts = 28_232 // 32768 to 60999, Linux's own choice
