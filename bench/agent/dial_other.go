//go:build !linux

package agent

import (
	"syscall"

	"github.com/throng-chat/throng/server/netpoll"
)

func prepare(syscall.RawConn) error { return nil }

// ended cannot be told here: a reader that has stopped looks once for each that comes.
func ended(*netpoll.Socket) bool { return true }

// portsPerSource is how many connections one source address can have to one target.
func portsPerSource() int { return 16_384 }

// manySources says that all of 127.0.0.0/8 is this machine.
const manySources = false
