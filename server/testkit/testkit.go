// Package testkit has what the tests of several packages of the server use: waiting for a condition, free ports, both ends of a TCP connection,
// logs, files of certificates, and OpenSSL as a client. Only tests import it.
package testkit

import (
	"net"
	"testing"
	"time"
)

// Timeout is the time limit of a test for an event that must occur. A test does not fail because a machine is slow.
const Timeout = 3 * time.Minute

// Eventually waits for a condition. After Timeout it fails the test; what names the condition.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(Timeout); ; time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("timeout while waiting for %s", what)
		}
	}
}

// Within calls f until the time that f measures is shorter than limit. After five calls it fails the test: a busy machine delays some of them, a fault
// delays each.
func Within(t testing.TB, what string, limit time.Duration, f func() (took time.Duration)) {
	t.Helper()
	var all [5]time.Duration
	for i := range all {
		if all[i] = f(); all[i] < limit {
			return
		}
	}
	t.Errorf("%s took %v, want less than %v", what, all, limit)
}

// Pipe returns both ends of a TCP connection. The caller closes them.
func Pipe(t testing.TB) (ours *net.TCPConn, theirs net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	theirs, err = net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn), theirs
}
