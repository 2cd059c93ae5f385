package edge

import (
	"fmt"
	"net/http"

	"github.com/throng-chat/throng/server/origin"
	"github.com/throng-chat/throng/server/web"
)

// rules are the settings of the public port that a reload replaces. They are immutable.
type rules struct {
	origins        origin.Allowed
	hosts          origin.Hosts
	page           http.Handler // for the paths that are not those of an endpoint
	countsAtAccept bool         // connections count for their address from the accept on
}

// Prepare checks settings that replace Hosts, Origins, Page and the limits of addresses. The others stay. use puts them into use: requests and
// connections that arrive from then on have them. Any goroutine may call both.
func (e *Edge) Prepare(cfg Config) (use func(), err error) {
	to := &rules{hosts: cfg.Hosts, page: web.Handler(cfg.Page), countsAtAccept: cfg.MaxConnectionsAddress > 0}
	if to.origins, err = origin.Parse(cfg.Origins); err != nil {
		return nil, fmt.Errorf("origin: must be %w", err)
	}
	return func() {
		e.rules.Store(to)
		e.ConnectRate.setRate(cfg.RateConnectionsAddress)
	}, nil
}

// allowsHost reports whether the Host header of a request to the public port is allowed. All are allowed unless the port listens on a loopback
// address, or --host is set.
func (e *Edge) allowsHost(host string) bool {
	now := e.rules.Load()
	return !e.loopback && len(now.hosts) == 0 || now.hosts.Allow(host)
}
