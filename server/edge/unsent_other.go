//go:build unix && !linux

package edge

import "github.com/throng-chat/throng/server/netpoll"

// unsentBytes returns 0. A peer that does not receive the end of its response is closed after the idle time of the connection.
func unsentBytes(netpoll.Conn) int { return 0 }
