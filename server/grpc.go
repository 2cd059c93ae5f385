package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/throng-chat/throng/server/api"
	"github.com/throng-chat/throng/server/edge"
	"github.com/throng-chat/throng/server/grpcapi"
	"github.com/throng-chat/throng/server/netpoll"
)

// grpcPort is the port of the gRPC API.
type grpcPort struct {
	listener *netpoll.Listener
	server   *grpcapi.Server
}

// openGRPC opens the port of the gRPC API. With certificates it speaks TLS, with crypto/tls: the port has few connections.
func openGRPC(a *api.API, address string, maxMessage int, certificates *tls.Config) (*grpcPort, error) {
	server, err := grpcapi.New(a, certificates, maxMessage)
	if err != nil {
		return nil, err
	}
	listener, err := netpoll.Listen(address, edge.ListenOptions)
	if err != nil {
		return nil, err
	}
	return &grpcPort{listener, server}, nil
}

// serve serves until stop.
func (gp *grpcPort) serve() error {
	if err := gp.server.Serve(gp.listener); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serve gRPC on %s: %w", gp.listener.Addr(), err)
	}
	return nil
}

// stop ends serve, if there is a port. It waits for the calls in progress for at most a second.
func (gp *grpcPort) stop() {
	if gp != nil {
		gp.server.Stop(time.Second)
	}
}
