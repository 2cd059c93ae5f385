package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/broker/natsbroker"
	"github.com/throng-chat/throng/server/netpoll"
)

// checkAddress returns the format of a listen address if the text of address is invalid, else "". It does not look up the host.
func checkAddress(address string) (allowed string) {
	const format = "host:port with a port of 0 to 65535"
	if path, ok := netpoll.UnixPath(address); ok {
		if !filepath.IsAbs(path) || len(path) > netpoll.MaxUnixPath || strings.HasSuffix(path, "/") || strings.ContainsRune(path, 0) {
			return fmt.Sprintf("unix:/PATH with an absolute path of at most %d bytes, or host:port", netpoll.MaxUnixPath)
		}
		return ""
	}
	_, port, err := net.SplitHostPort(address)
	switch {
	case err != nil || strings.HasPrefix(port, "/"):
		return "host:port or unix:/PATH"
	case port == "":
		return format + " (0 selects a free port)"
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return format
	}
	return ""
}

// isUnix reports whether a listen address is a Unix socket.
func isUnix(address string) bool {
	_, ok := netpoll.UnixPath(address)
	return ok
}

// CheckAddresses tests whether this machine can listen on the configured addresses. It returns all failures, joined: each error is a
// *ConfigError. The config must be valid. It looks up hosts and listens for a moment, on a free port of the same address: a server that
// starts at this moment can use the configured port. Only a port below 1024 is used itself, because it may need a privilege. An address
// in use is not an error, because the running server may be the one to be replaced. It does not listen on a Unix socket, but checks the path.
func (c Config) CheckAddresses() error {
	var ce configErrors
	var others []boundAddress
	for _, setting := range []boundAddress{{name: "listen", text: c.Listen}, {name: "tls-listen", text: c.TLSListen}, {name: "admin", text: c.Admin}, {name: "grpc-listen", text: c.GRPCListen}} {
		if setting.text == "off" {
			continue
		}
		at, err := canListen(setting.text)
		if err != nil {
			ce.add(setting.name, setting.text, "must be an address of this machine, or off: %v", err)
			continue
		}
		setting.at = at
		for _, other := range others {
			switch {
			case at == nil && setting.text == other.text:
				ce.add(setting.name, setting.text, "must have a different path than %s, or be off", other.name)
			case overlap(other.at, at):
				ce.add(setting.name, setting.text, "must have a different port than %s (%s), or be off", other.name, other.text)
			}
		}
		others = append(others, setting)
	}
	return errors.Join(ce.errs...)
}

// boundAddress is an address to listen on.
type boundAddress struct {
	name string // of the setting
	text string
	at   *net.TCPAddr // nil for a Unix socket
}

// overlap reports whether two sockets cannot listen at the same time.
func overlap(a, b *net.TCPAddr) bool {
	if a == nil || b == nil {
		return false
	}
	anywhere := len(a.IP) == 0 || len(b.IP) == 0 || a.IP.IsUnspecified() || b.IP.IsUnspecified()
	return a.Port != 0 && a.Port == b.Port && (anywhere || a.IP.Equal(b.IP))
}

const privilegedPorts = 1024 // ports below may need a privilege

// canListen listens on address for a moment. It returns the resolved address.
func canListen(address string) (*net.TCPAddr, error) {
	if path, ok := netpoll.UnixPath(address); ok {
		return nil, canListenUnix(path)
	}
	at, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, withoutAddress(err)
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
		return nil, netpoll.WithPrivilege(withoutAddress(err))
	}
	if err := ln.Close(); err != nil {
		return nil, fmt.Errorf("close: %w", err)
	}
	return at, nil
}

// canListenUnix checks the path of a Unix socket.
func canListenUnix(path string) error {
	directory := filepath.Dir(path)
	switch file, err := os.Lstat(path); {
	case err == nil && file.Mode().Type() != os.ModeSocket:
		return errors.New("the path is in use by a file that is not a socket")
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return withoutAddress(err)
	}
	if err := unix.Access(directory, unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("create a file in %s: %w", directory, err)
	}
	return nil
}

// withoutAddress returns the cause of an error of package net, because the address is already in the text.
func withoutAddress(err error) error {
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		return errno
	}
	if lookup := (*net.DNSError)(nil); errors.As(err, &lookup) {
		return fmt.Errorf("%s: %s", lookup.Name, lookup.Err)
	}
	return err
}

// checkCluster checks the settings of a cluster together.
func (c *Config) checkCluster(ce *configErrors) {
	c.checkNATS(ce)
	if len(c.NATS) > 0 {
		return
	}
	if c.Cluster == "" {
		for _, s := range []struct{ key, value string }{
			{"node", c.Node}, {"cluster-listen", c.ClusterListen}, {"peers", strings.Join(c.Peers, ",")}, {"cluster-secret-file", c.ClusterSecretFile},
		} {
			if s.value != "" {
				ce.add(s.key, s.value, "needs cluster, the name of the cluster")
			}
		}
		return
	}
	if err := broker.CheckKey(c.Cluster); err != nil {
		ce.add("cluster", c.Cluster, "must be 1 to 64 of a-z, A-Z, 0-9, '-', '_'")
	}
	if !c.storesData() {
		ce.add("cluster", c.Cluster, `needs a data directory: set data = "DIR", or --data DIR`)
	}
	if c.ClusterSecretFile == "" && c.Engine == nil {
		ce.add("cluster-secret-file", c.ClusterSecretFile, "must be a file with the secret that all nodes share: %d bytes or more", natsbroker.MinSecret)
	}
	if err := (natsbroker.Join{Node: c.Node, Listen: c.ClusterListen, Peers: c.Peers}).Check(); err != nil {
		var wrong *natsbroker.JoinError
		if errors.As(err, &wrong) {
			ce.add(map[string]string{"Node": "node", "Listen": "cluster-listen", "Peers": "peers"}[wrong.Field], wrong.Found, "%s", wrong.Allowed)
		}
	}
}
