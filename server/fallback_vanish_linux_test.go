package server

import (
	"crypto/tls"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// vanish makes the kernel drop all that arrives for a connection: its client acknowledges nothing, and sends no FIN and no RST.
func vanish(t *testing.T, conn net.Conn) {
	t.Helper()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	drop := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(drop)), Filter: &drop[0]})
	})
	if err != nil || failed != nil {
		t.Fatal(err, failed)
	}
}

// A stream whose peer has vanished ends: the kernel closes it ping-timeout after a ping that is not acknowledged. Otherwise that takes the kernel a
// quarter of an hour.
func TestAStreamWhosePeerVanishedEnds(t *testing.T) {
	t.Parallel()
	for _, over := range []string{"tcp", "llib", "std"} {
		t.Run(over, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, func(c *Config) {
				c.PingInterval, c.PingTimeout = time.Second, time.Second
				if over != "tcp" {
					withTLS(t)(c)
					c.TLS.Engine = over
				}
			})
			at := s.Addr()
			if over != "tcp" {
				at = s.TLSAddr()
			}
			below, err := net.Dial("tcp", at.String())
			if err != nil {
				t.Fatal(err)
			}
			conn := below
			if over != "tcp" {
				conn = tls.Client(below, &tls.Config{InsecureSkipVerify: true})
			}
			openStreamOn(t, s, conn, "POST", "/connection/http_stream", `{"id":1,"connect":{}}`).connected()
			vanish(t, below)
			eventually(t, "the stream to end", func() bool { return s.sessions.Live.Load() == 0 })
		})
	}
}
