package server

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// checkAddress says what is wanted in place of an address that no server could listen on, as far as its text shows; empty for
// one that is good. It does not look up the host.
func checkAddress(address string) string {
	const want = "host:port with a port of 0 to 65535"
	host, port, err := net.SplitHostPort(address)
	switch {
	case host == "unix" || host == "" && len(port) > 0 && port[0] == '/':
		return want + " (Unix sockets are not supported)"
	case err != nil:
		return "host:port"
	case port == "":
		return want + " (0 is any free port)"
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return want
	}
	return ""
}

// CheckAddresses returns why a server could not listen where the config says, joined: each is a *ConfigError. It looks up
// hosts, and listens for a moment: on no port of its own unless the port is one that may need a privilege, so that it does not
// come into the way of a server that starts. An address that is in use is no error, as the server that runs may be the one to
// be replaced. The config must be valid.
func (c Config) CheckAddresses() error {
	var m mistakes
	listen, err := canListen(c.Listen)
	if err != nil {
		m.refuse("listen", c.Listen, "an address of this machine: %v", err)
	}
	if c.Admin == "off" {
		return errors.Join(m.errs...)
	}
	admin, err := canListen(c.Admin)
	if err != nil {
		m.refuse("admin", c.Admin, "an address of this machine, or off: %v", err)
	}
	if listen != nil && admin != nil && overlap(listen, admin) {
		m.refuse("admin", c.Admin, "another port than listen (%s), or off", c.Listen)
	}
	return errors.Join(m.errs...)
}

// overlap says whether two sockets cannot listen at the same time.
func overlap(a, b *net.TCPAddr) bool {
	anywhere := len(a.IP) == 0 || len(b.IP) == 0 || a.IP.IsUnspecified() || b.IP.IsUnspecified()
	return a.Port != 0 && a.Port == b.Port && (anywhere || a.IP.Equal(b.IP))
}

const privilegedPorts = 1024 // those below may need a privilege

func canListen(address string) (*net.TCPAddr, error) {
	at, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, plainly(err)
	}
	probe := *at
	if at.Port >= privilegedPorts {
		probe.Port = 0
	}
	ln, err := net.ListenTCP("tcp", &probe)
	if errors.Is(err, syscall.EADDRINUSE) {
		return at, nil
	}
	if err != nil {
		return nil, plainly(err)
	}
	if err := ln.Close(); err != nil {
		return nil, fmt.Errorf("close: %w", err)
	}
	return at, nil
}

// plainly is an error of package net without the address, which is told already.
func plainly(err error) error {
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		return errno
	}
	if lookup := (*net.DNSError)(nil); errors.As(err, &lookup) {
		return fmt.Errorf("%s: %s", lookup.Name, lookup.Err)
	}
	return err
}
