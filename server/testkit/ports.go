package testkit

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"testing"
)

// Below the ports that the system gives to connections.
const firstPort, lastPort = 17000, 19999

var portsTried atomic.Int64

// Ports returns n TCP ports of 127.0.0.1 on which nobody listens. Until the test ends, no other test gets them, in this process or in another one: an open
// UDP socket with the same number marks a port. So a test may listen later, or stop and listen again.
func Ports(t testing.TB, n int) (ports []int) {
	t.Helper()
	for range lastPort - firstPort {
		if len(ports) == n {
			return ports
		}
		port := firstPort + (os.Getpid()*31+int(portsTried.Add(1)))%(lastPort-firstPort+1)
		address := fmt.Sprint("127.0.0.1:", port)
		mark, err := net.ListenPacket("udp", address)
		if err != nil {
			continue
		}
		l, err := net.Listen("tcp", address)
		if err != nil {
			mark.Close()
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { mark.Close() })
		ports = append(ports, port)
	}
	t.Fatalf("no %d free ports from %d to %d", n, firstPort, lastPort)
	return nil
}

// Addresses returns n addresses of 127.0.0.1 with ports of Ports.
func Addresses(t testing.TB, n int) (addresses []string) {
	t.Helper()
	for _, port := range Ports(t, n) {
		addresses = append(addresses, fmt.Sprint("127.0.0.1:", port))
	}
	return addresses
}
