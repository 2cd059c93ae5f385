//go:build !nonats

package natsbroker

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// apply sets the options of a server that is a node of a cluster.
func (jo *Join) apply(so *server.Options, cluster string) error {
	host, port, err := splitPort(jo.Listen)
	if err != nil {
		return err
	}
	config, err := secretTLS(jo.Secret)
	if err != nil {
		return err
	}
	so.ServerName = jo.Node
	// The routes start after the port of clients is open. Nobody but this process has its password.
	so.DontListen, so.Host, so.Port = false, "127.0.0.1", server.RANDOM_PORT
	so.Username, so.Password = jo.user, jo.password
	so.Cluster = server.ClusterOpts{
		Name: cluster, Host: host, Port: port, Username: routeUser, Password: routePassword(jo.Secret),
		TLSConfig: config, TLSTimeout: routeTimeout.Seconds(), AuthTimeout: routeTimeout.Seconds(), NoAdvertise: true,
		PingInterval: routePing, MaxPingsOut: 2, WriteDeadline: routeTimeout,
		PoolSize: routePool,
	}
	so.ConnectErrorReports, so.ReconnectErrorReports = routeReports, routeReports
	for _, peer := range jo.Peers {
		if peer != jo.Listen {
			so.Routes = append(so.Routes, &url.URL{Scheme: "nats-route", Host: peer, User: url.UserPassword(routeUser, routePassword(jo.Secret))})
		}
	}
	return nil
}

// The times of routes. A node that does not answer two pings is cut off.
const (
	routeTimeout = 5 * time.Second
	routePing    = 2 * time.Second
	routeUser    = "throng"

	// routePool is the number of connections to each other node, beside the one of the storage. Rooms are in one account, which uses one connection.
	// Each connection has its pings.
	routePool = 1
)

// login is the option of the connections of this process.
func (jo *Join) login() nats.Option {
	if jo == nil {
		return func(*nats.Options) error { return nil }
	}
	return nats.UserInfo(jo.user, jo.password)
}

func splitPort(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	port, err = strconv.Atoi(text)
	if err != nil || port < 1 || port > 65535 {
		return "", 0, fmt.Errorf("port %q: allowed are 1 to 65535", text)
	}
	return host, port, nil
}
