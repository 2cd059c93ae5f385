package server

import "github.com/throng-chat/throng/server/netpoll"

// The ports of clients of a server that reads what is stored, or waits for the other nodes of its cluster, before it serves.

// pause makes the ports of clients refuse connections until resume: a client, or a load balancer, tries another node at once, instead of waiting for this one.
func (s *Server) pause() error {
	for _, ln := range s.clientPorts() {
		if err := ln.Pause(); err != nil {
			return err
		}
	}
	return nil
}

// resume ends pause. The error wraps EADDRINUSE if another process has taken an address.
func (s *Server) resume() error {
	for _, ln := range s.clientPorts() {
		if err := ln.Resume(); err != nil {
			return err
		}
	}
	return nil
}

// clientPorts are the listeners of a server that reads what is stored before it serves; none if it serves at once.
func (s *Server) clientPorts() (open []*netpoll.Listener) {
	if s.engine == nil {
		return nil
	}
	for _, acceptor := range s.acceptors() {
		if acceptor.Listener != nil {
			open = append(open, acceptor.Listener)
		}
	}
	if s.grpc != nil {
		open = append(open, s.grpc.listener)
	}
	return open
}
