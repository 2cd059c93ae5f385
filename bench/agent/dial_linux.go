package agent

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/throng-chat/throng/server/netpoll"
)

// prepare makes bind choose no port: connect does, when it knows the other end, so that the ports of a source count for each
// target by itself, and none is tried in vain.
func prepare(raw syscall.RawConn) error {
	var err error
	failed := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1) })
	return errors.Join(failed, err)
}

// ended says whether the other side has closed the connection.
func ended(s *netpoll.Socket) bool {
	info, err := unix.GetsockoptTCPInfo(s.Hash(), unix.IPPROTO_TCP, unix.TCP_INFO)
	const closeWait = 8
	return err == nil && info.State == closeWait
}

// portsPerSource is how many connections one source address can have to one target.
func portsPerSource() int {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return usualPorts
	}
	var low, high int
	if _, err := fmt.Sscan(string(text), &low, &high); err != nil || high < low {
		return usualPorts
	}
	return high - low + 1
}

// manySources says that all of 127.0.0.0/8 is this machine.
const manySources = true
