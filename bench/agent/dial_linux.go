package agent

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/throng-chat/throng/server/netpoll"
)

// prepare delays the choice of a port from bind to connect. At connect the kernel knows the target, so each target has all ports of a
// source address.
func prepare(raw syscall.RawConn) error {
	var err error
	failed := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1) })
	return errors.Join(failed, err)
}

// ended reports whether the server has closed the connection.
func ended(s *netpoll.Socket) bool {
	info, err := unix.GetsockoptTCPInfo(s.Hash(), unix.IPPROTO_TCP, unix.TCP_INFO)
	const closeWait = 8
	return err == nil && info.State == closeWait
}

// portsPerSource returns the number of connections that one source address can have to one target.
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

// manySources reports that all addresses of 127.0.0.0/8 belong to this machine.
const manySources = true
