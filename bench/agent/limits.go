package agent

import "time"

// Limits that are not settings.
const (
	MaxSize       = 1 << 20     // bytes of one message
	reservedFiles = 128         // open files that are not connections
	readBuffer    = 64 << 10    // bytes of one read, shared by the connections of a poller
	maxUnsent     = 1 << 20     // bytes that a publisher queues while the server does not read
	maxHead       = 8 << 10     // bytes of a handshake response
	maxRejection  = 1 << 10     // bytes of the body of a rejection
	maxMessage    = 2 * MaxSize // bytes of one message from the server
	maxFragments  = 1024        // fragments of one message
	shortestSleep = 250_000     // nanoseconds: messages that fall due sooner are sent together
	longestSleep  = 50_000_000  // nanoseconds until the sender checks whether it must stop
	lagEvery      = 100_000_000 // nanoseconds between two measurements of the pollers' lag
	smallBuffer   = 4 << 10     // bytes of the kernel's receive buffer of a connection that will stop reading
	closeTimeout  = time.Second // time for the server to answer a close frame
)

const usualPorts = 28_232 // 32768 to 60999, the default of Linux
