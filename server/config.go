package server

import (
	"crypto/x509"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/consumer/kafkasource"
	"github.com/throng-chat/throng/server/consumer/natssource"
	"github.com/throng-chat/throng/server/consumer/pgsource"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/settings"
	"github.com/throng-chat/throng/server/token"
)

// Config has the settings of a server. Its tags are the only list of the settings; package settings defines the tags. A field with a name
// is a flag, an environment variable and a key of the config file. A field with a table is a table of the config file.
type Config struct {
	Listen         string        `name:"listen" default:"127.0.0.1:3000" help:"Address of the plain port of the chat, host:port, or unix:/path for a Unix socket; off for none, with --tls-listen."`
	Admin          string        `name:"admin" default:"127.0.0.1:3001" help:"Address of the admin port (health, metrics, connections, profiles), host:port or unix:/path; off for none."`
	TLSListen      string        `name:"tls-listen" default:"off" help:"Address of the TLS port, host:port, with the certificates of the table [tls]; off for none."`
	GRPCListen     string        `name:"grpc-listen" default:"off" help:"Address of the gRPC API, host:port or unix:/path; off for none. It needs a key of the server API."`
	Origins        []string      `name:"origin" reload:"yes" help:"Additional origin whose pages may connect: scheme://host[:port], https://*.example.com for subdomains, null for pages opened from a file, * for all. May be repeated."`
	Hosts          []string      `name:"host" reload:"yes" help:"Name allowed in the Host header, in addition to IP addresses and localhost: NAME, *.NAME, * for all. Checked if throng listens on a loopback address or if --host is set. May be repeated."`
	TrustedProxies []string      `name:"trusted-proxy" help:"Address or network of a proxy whose X-Forwarded-For header is trusted; unix for all peers of Unix sockets. May be repeated."`
	ProxyProtocol  string        `name:"proxy-protocol" default:"off" oneof:"off,on,listen,tls-listen" allowed:"one of off, on (both ports), listen, tls-listen" help:"Ports on which trusted proxies must send a PROXY protocol header, version 1 or 2: off, on (both), listen, or tls-listen."`
	PingInterval   time.Duration `name:"ping-interval" default:"25s" min:"1s" max:"24h" help:"Silence after which a connection gets a ping; SDK clients get a ping at this interval."`
	PingTimeout    time.Duration `name:"ping-timeout" default:"10s" min:"1s" max:"24h" help:"Time to answer a ping before the connection is closed."`
	Rate           int           `name:"rate" reload:"yes" default:"100" min:"1" max:"1000000" unit:"messages a second" zero:"no limit" help:"Messages per second from one connection, twice as many in a burst; 0 for no limit."`
	RateBytes      int           `name:"rate-bytes" reload:"yes" type:"size" default:"1MiB" min:"1KiB" max:"1024MiB" unit:"bytes a second" zero:"no limit" help:"Bytes per second from one connection, four times as many in a burst; 0 for no limit."`
	MaxMessage     int           `name:"max-message" reload:"yes" type:"size" default:"64KiB" min:"125" max:"16MiB" help:"Maximum size of one message."`
	Compression    string        `name:"compression" default:"on" oneof:"on,off" help:"Compress WebSocket messages for clients that support permessage-deflate: on or off."`
	Fallback       string        `name:"fallback" default:"on" oneof:"on,off" help:"Serve the HTTP fallbacks of the SDKs, for networks that break WebSocket: on or off."`
	MaxUnsent      int           `name:"max-unsent" reload:"yes" type:"size" default:"256KiB" help:"Unsent bytes before a connection is closed as a slow consumer. Publications are shared between slow consumers and count for --max-retained instead."`
	MaxRetained    int           `name:"max-retained" reload:"yes" type:"size" default:"128MiB" help:"Bytes retained for all slow consumers, an eighth of it for one room. Above it, the slowest consumers are closed."`
	MaxConnections int           `name:"max-connections" reload:"yes" default:"0" min:"1" zero:"what the open-file limit allows" help:"Maximum number of connections; 0 for as many as the open-file limit allows."`
	Drain          time.Duration `name:"drain" reload:"yes" default:"10s" min:"0" help:"Time limit of a graceful stop."`
	LogLevel       string        `name:"log-level" reload:"yes" default:"info" oneof:"debug,info,warn,error" help:"Lowest level of log lines: debug, info, warn or error."`
	AuditLog       string        `name:"audit-log" default:"off" help:"File of the audit log, to which throng appends; - for standard error, off for none."`
	LogFormat      string        `name:"log-format" default:"auto" oneof:"auto,text,json" help:"Format of log lines: text, json, or auto (text if standard error is a terminal, else json)."`

	Guests                string `name:"guests" reload:"yes" default:"auto" oneof:"on,off,auto" allowed:"on, off, or auto (on only for a loopback address without trusted proxies)" help:"Allow guests: on, off, or auto (only on a loopback address without trusted proxies)."`
	PersonalRooms         bool   `name:"personal-rooms" reload:"yes" help:"Subscribe each connection of a user U to the room #U."`
	UserRooms             string `name:"user-rooms" reload:"yes" default:"#" help:"Character that restricts a room to the users listed after it (dialog#42,43); empty to turn the rule off."`
	PrivateRooms          string `name:"private-rooms" reload:"yes" default:"$" help:"First character of room names that require a subscription token; empty to turn the rule off."`
	OtherRooms            string `name:"rooms" reload:"yes" default:"auto" oneof:"open,signed-in,closed,auto" allowed:"one of open, signed-in, closed, auto (signed-in if a key under [token] is configured, otherwise open)" help:"Access to rooms that match no [[room]] pattern: open, signed-in, closed, or auto (signed-in if a key under [token] is configured, otherwise open)."`
	MaxRooms              int    `name:"max-rooms" reload:"yes" default:"128" min:"1" max:"4096" unit:"rooms of one connection" help:"Maximum number of rooms per connection."`
	MaxConnectionsUser    int    `name:"max-connections-user" reload:"yes" default:"0" min:"1" zero:"any number" help:"Maximum number of connections per user; 0 for no limit."`
	MaxConnectionsAddress int    `name:"max-connections-address" reload:"yes" default:"0" min:"1" zero:"any number" help:"Maximum number of sockets per address, WebSocket and HTTP; 0 for no limit."`
	RateUser              int    `name:"rate-user" reload:"yes" default:"0" min:"1" max:"1000000" unit:"publications a second" zero:"no limit" help:"Publications per second of one user, twice as many in a burst; 0 for no limit."`
	RateAddress           int    `name:"rate-address" reload:"yes" default:"0" min:"1" max:"1000000" unit:"commands a second" zero:"no limit" help:"Commands per second from one address, twice as many in a burst; 0 for no limit."`
	HistoryBytes          int    `name:"history-bytes" reload:"yes" type:"size" default:"256MiB" help:"Memory for the history of all rooms together. Above it, old publications are evicted."`

	Data      string `name:"data" default:"auto" help:"Data directory of durable rooms; off for none; auto for $STATE_DIRECTORY/data if systemd sets it, otherwise none."`
	DataBytes int    `name:"data-bytes" type:"size" default:"256MiB" min:"1MiB" max:"65536MiB" help:"Disk space for the publications of durable rooms. Above it, the oldest are removed."`

	Cluster           string   `name:"cluster" help:"Name of the cluster that this server is a node of; empty for a single server. With --nats, also the name of the data."`
	Node              string   `name:"node" help:"Name of this node, which no other node of the cluster has."`
	ClusterListen     string   `name:"cluster-listen" help:"Address of this node for the other nodes, host:port: one of --peers."`
	Peers             []string `name:"peers" help:"Addresses of all nodes of the cluster, host:port, separated by commas: at least three."`
	ClusterSecretFile string   `name:"cluster-secret-file" help:"File with the secret that all nodes of the cluster share."`
	ClusterLogs       int      `name:"cluster-logs" default:"4" min:"1" max:"64" unit:"logs of durable rooms" help:"Logs of durable rooms, and so owners, of a new cluster. A cluster that exists keeps its number."`

	NATS         []string `name:"nats" help:"URLs of servers of an external NATS cluster with JetStream, separated by commas. It stores durable rooms, instead of --data."`
	NATSCreds    string   `name:"nats-creds" help:"File with the credentials of a NATS user."`
	NATSCA       string   `name:"nats-ca" help:"File with the certificates of the authorities of the NATS servers; empty for those of the system."`
	NATSReplicas int      `name:"nats-replicas" default:"3" min:"1" max:"5" help:"NATS servers that store each record: 1, 3 or 5."`

	RateConnectionsAddress int `name:"rate-connections-address" reload:"yes" default:"200" min:"1" max:"1000000" unit:"new connections a second" zero:"no limit" help:"New connections per second from one address, ten times as many in a burst; 0 for no limit."`

	Rooms    []chat.RoomOptions  `table:"room" kong:"-"`
	Token    token.Config        `table:"token" kong:"-"`
	API      APIConfig           `table:"api" kong:"-"`
	APIKeys  []APIKey            `table:"api.keys" kong:"-"` // besides API.Key
	TLS      TLSConfig           `table:"tls" kong:"-"`
	Pairs    []CertificateFiles  `table:"tls.certificate" kong:"-"` // besides those of TLS.Cert, after them
	Webhooks session.HooksConfig `table:"webhooks" kong:"-"`
	WebPush  WebPushConfig       `table:"web-push" kong:"-"`
	Page     PageConfig          `table:"page" kong:"-"`
	Live     LiveConfig          `table:"live" kong:"-"`
	Tracing  TracingConfig       `table:"tracing" kong:"-"`

	ConsumerNATS     natssource.Config  `table:"consumer-nats" kong:"-"`
	ConsumerKafka    kafkasource.Config `table:"consumer-kafka" kong:"-"`
	ConsumerPostgres pgsource.Config    `table:"consumer-postgres" kong:"-"`

	// For a program that embeds throng; not settings.
	Mounted bool `kong:"-"` // clients come by Server.Handler; Listen may be off

	Engine  broker.Engine `kong:"-"` // instead of the data directory, for tests; not a setting
	Version string        `kong:"-"` // of the program, for /api/info and the metrics; not a setting
	Commit  string        `kong:"-"` // of the program, for the metrics; not a setting

	messages int `kong:"-"` // newest version of the messages between nodes, for tests; 0: that of the program
}

// APIConfig is the server API. It is off without a key, here or in Config.APIKeys.
type APIConfig struct {
	Key string `name:"key" reload:"yes" secret:"THRONG_API_KEY"` // has the name api.DefaultKey and the role api.RoleAll
	On  string `name:"on" reload:"yes" default:"listen" oneof:"listen,admin" allowed:"listen or admin: the port of the server API"`
}

// APIKey is one named key of the server API. One of Key, Environment and File has the key.
type APIKey struct {
	Name        string `name:"name" reload:"yes"` // unique: lower-case letters, digits, "-", "_" and "."
	Role        string `name:"role" reload:"yes" oneof:"all,publish-only,read-only"`
	Key         string `name:"key" reload:"yes" secret:"-"`
	Environment string `name:"environment" reload:"yes"` // name of a variable
	File        string `name:"file" reload:"yes"`        // path

	Secret string `kong:"-"` // the contents of Environment or File, which the caller of New reads
}

// TLSConfig is the TLS port, and TLS of the admin port. The TLS port is off unless Config.TLSListen is an address.
type TLSConfig struct {
	Cert          []string `name:"cert"`                                                                    // PEM files, each with the chain of one certificate; the first is for unknown server names
	Key           []string `name:"key"`                                                                     // PEM files with the private keys, in the order of Cert
	RedirectPort  int      `name:"redirect-port" default:"0" min:"1" max:"65535" zero:"no redirect"`        // of https, to which the plain port sends its clients
	ACMEDomains   []string `name:"acme-domains"`                                                            // whose certificates a CA issues
	ACMECache     string   `name:"acme-cache"`                                                              // directory
	ACMEEmail     string   `name:"acme-email"`                                                              // for messages of the CA
	ACMEDirectory string   `name:"acme-directory" default:"https://acme-v02.api.letsencrypt.org/directory"` // URL of the CA
	ACMECA        string   `name:"acme-ca"`                                                                 // PEM file with the roots of the certificate of ACMEDirectory; empty for those of the system
	Admin         bool     `name:"admin"`                                                                   // the admin port speaks TLS, too
	GRPC          bool     `name:"grpc"`                                                                    // the port of the gRPC API speaks TLS, too
	AdminClientCA string   `name:"admin-client-ca"`                                                         // PEM file; clients of the admin port need a certificate that it signs
	MinVersion    string   `name:"min-version" default:"1.2" oneof:"1.2,1.3"`
	Engine        string   `name:"engine" default:"llib" oneof:"llib,std" allowed:"llib or std: the TLS implementation that makes the handshakes"`
}

// CertificateFiles is one certificate of the TLS port.
type CertificateFiles struct {
	Cert string `name:"cert"` // PEM file with the chain
	Key  string `name:"key"`  // PEM file with the private key
}

// LiveConfig is the live page of the admin port.
type LiveConfig struct {
	Password string `name:"password" reload:"yes" secret:"THRONG_LIVE_PASSWORD"` // of operators; empty for none
}

// TracingConfig is the export of traces. It is off without an endpoint.
type TracingConfig struct {
	Endpoint string `name:"endpoint"`                                                              // URL of the receiver: OTLP over HTTP
	OneIn    int    `name:"one-in" reload:"yes" default:"100" min:"1" max:"1000000" unit:"traces"` // one of so many traces is sampled
}

// WebPushConfig is Web Push. It is off without a subject.
type WebPushConfig struct {
	Subject    string        `name:"subject"`                                                  // contact of the operator for push services: mailto: or https:
	PrivateKey string        `name:"private-key" secret:"THRONG_WEB_PUSH_PRIVATE_KEY"`         // of VAPID; empty: that of the data directory
	Services   []string      `name:"services"`                                                 // hosts of push services; empty: webpush.KnownServices
	Private    bool          `name:"private"`                                                  // push services may have addresses that are not public, and any port
	TTL        time.Duration `name:"ttl" default:"24h" min:"0" max:"672h" allowed:"0 to 672h"` // of a message for a browser that is offline

	Roots *x509.CertPool `kong:"-"` // of the certificates of push services, for tests; nil for those of the system; not a setting
}

// PageConfig is the chat page.
type PageConfig struct {
	TokenURL     string   `name:"token-url" reload:"yes"`     // of the application, which returns a token for the reader; relative to the page, or https:
	SignInURL    string   `name:"sign-in-url" reload:"yes"`   // of the application, where a reader signs in
	EmbedOrigins []string `name:"embed-origins" reload:"yes"` // of the sites that may show the page in a frame
}

// DefaultConfig returns the default of each setting: a chat on the loopback interface.
func DefaultConfig() Config {
	var c Config
	settings.SetDefaults(&c)
	return c
}

// logLevel returns the level of log-level, which is valid.
func (c *Config) logLevel() (level slog.Level) {
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		panic(err) // Validate has checked it
	}
	return level
}

// usesTLS reports whether a port speaks TLS.
func (c *Config) usesTLS() bool { return c.TLSListen != "off" || c.TLS.Admin || c.TLS.GRPC }

// requiresProxyHeader reports whether trusted proxies must send a PROXY protocol header to a port, "listen" or "tls-listen".
func (c *Config) requiresProxyHeader(port string) bool {
	return c.ProxyProtocol == "on" || c.ProxyProtocol == port
}

// trustsAdminPort reports whether only this machine, or clients with a certificate, reach the admin port.
func (c *Config) trustsAdminPort() bool {
	return strings.HasPrefix(c.Admin, "unix:") || isLocal(c.Admin) || c.TLS.Admin && c.TLS.AdminClientCA != ""
}

// guestsAllowed reports whether clients without a token may connect.
func (c Config) guestsAllowed() bool {
	if c.Guests != "auto" {
		return c.Guests == "on"
	}
	if len(c.TrustedProxies) > 0 || c.Mounted {
		return false // the clients of a proxy may be on other machines
	}
	return isLocal(c.Listen) && isLocal(c.TLSListen)
}

// isLocal reports whether a listen address is one of this machine only, or off.
func isLocal(listen string) bool {
	if listen == "off" {
		return true
	}
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}
