//go:build unix && !linux

package edge

import "net"

// UnsentBytes returns 0. A peer that does not receive the end of its response is closed after the idle time of the connection.
func UnsentBytes(*net.TCPConn) int { return 0 }
