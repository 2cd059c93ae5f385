//go:build !linux

package agent

import (
	"syscall"

	"github.com/throng-chat/throng/server/netpoll"
)

func prepare(syscall.RawConn) error { return nil }

// ended reports true: this system does not show whether the server has closed the connection, so the caller reads to find out.
func ended(*netpoll.Socket) bool { return true }

// portsPerSource returns the number of connections that one source address can have to one target.
func portsPerSource() int { return 16_384 }

// manySources reports that not all addresses of 127.0.0.0/8 belong to this machine.
const manySources = false
