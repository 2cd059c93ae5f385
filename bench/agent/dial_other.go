//go:build !linux

package agent

import (
	"syscall"

	"github.com/lesismal/nbio"
)

func prepare(syscall.RawConn) error { return nil }

// ended cannot be told here: a reader that has stopped looks once for each that comes.
func ended(*nbio.Conn) bool { return true }

// portsPerSource is how many connections one source address can have to one target.
func portsPerSource() int { return 16_384 }

// manySources says that all of 127.0.0.0/8 is this machine.
const manySources = false
