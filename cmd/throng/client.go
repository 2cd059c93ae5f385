package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/centrifugal/centrifuge-go"
	"github.com/golang-jwt/jwt/v5"

	"github.com/throng-chat/throng/bench/tlsclient"
)

const (
	ownTokenTTL   = 5 * time.Minute // of a token that this process makes for itself
	handshakeTime = 10 * time.Second
)

// clientFlags are the flags of the commands that are clients of a server.
type clientFlags struct {
	URL  []string `name:"url" placeholder:"URL,..." help:"Server: ws://HOST:PORT, wss://HOST:PORT or unix:/PATH. Several nodes of a cluster are separated by commas. By default the public port of the server's settings."`
	User string   `help:"User of the token that throng makes with the key of the server's settings. By default that of this system."`
	tokenFlags
	serverSettings
	tlsFlags
}

// talker is a client of a server, which connects again after each cut. Its callbacks run on one goroutine.
type talker struct {
	*centrifuge.Client
	failed chan error // capacity 1: why it does not connect again
	signer *signer    // with the key of the server's settings; nil for none
	user   string     // of the tokens of signer
}

// fail ends the command. Only the first reason counts.
func (tk *talker) fail(err error) {
	select {
	case tk.failed <- err:
	default:
	}
}

// connect returns a client that is connected. It tries each address once. Afterwards it notes each cut on standard error.
func (cf *clientFlags) connect(ctx context.Context, std *streams) (*talker, error) {
	tk := &talker{failed: make(chan error, 1)}
	config, addresses, err := cf.prepare(tk, std)
	if err != nil {
		return nil, err
	}
	tk.Client = centrifuge.NewJsonClient(addresses.urls(), config) // begins with any of them
	connected := make(chan struct{})
	first, attempts := true, 0
	tk.OnConnected(func(e centrifuge.ConnectedEvent) {
		if e.ClientID == "" { // a plain room sends back what it receives
			tk.fail(fmt.Errorf("connect to %s: no reply of a server for SDKs: their path is /connection/websocket", addresses))
			return
		}
		if first {
			first = false
			tk.OnError(nil) // the SDK (0.12.1) calls it with its lock held after a temporary error of a refresh, and stops for ever
			close(connected)
			return
		}
		tk.noted(std.note("connected again"))
	})
	tk.OnConnecting(func(e centrifuge.ConnectingEvent) {
		if !first {
			tk.noted(std.note("the connection was cut: %d %s; connecting again", e.Code, e.Reason))
		}
	})
	tk.OnDisconnected(func(e centrifuge.DisconnectedEvent) {
		tk.fail(fmt.Errorf("the server closed the connection: %d %s", e.Code, e.Reason))
	})
	tk.OnError(func(e centrifuge.ErrorEvent) {
		if attempts++; attempts >= len(addresses) {
			tk.fail(fmt.Errorf("connect to %s: %w", addresses, e.Error))
		}
	})
	if err := tk.Connect(); err != nil && len(addresses) == 1 { // the SDK tries the others after a pause
		tk.Close()
		return nil, fmt.Errorf("connect to %s: %w", addresses, err)
	}
	select {
	case <-connected:
		return tk, nil
	case err = <-tk.failed:
	case <-ctx.Done():
		err = ctx.Err()
	}
	tk.Close()
	return nil, err
}

// noted ends the command if a note could not be written.
func (tk *talker) noted(err error) {
	if err != nil {
		tk.fail(err)
	}
}

// prepare returns the settings of a client, and the addresses of the server.
func (cf *clientFlags) prepare(tk *talker, std *streams) (config centrifuge.Config, at serverAddresses, err error) {
	fail := func(err error) (centrifuge.Config, serverAddresses, error) {
		return config, at, &exitError{code: exitUsage, err: err}
	}
	config = centrifuge.Config{Name: "throng", Version: version, HandshakeTimeout: handshakeTime}
	if config.Token, err = cf.tokenFlags.read(std.in); err != nil {
		return config, at, err
	}
	if cf.TokenFile != "" && cf.TokenFile != "-" {
		config.GetToken = func(centrifuge.ConnectionTokenEvent) (string, error) { return cf.tokenFlags.read(nil) }
	}
	// A token of this server's key is for this server. Another server would get it only if --config says so.
	if len(cf.URL) == 0 || cf.Config != "" {
		cfg, _, err := cf.load()
		if err != nil {
			return config, at, err
		}
		own, err := publicAddress(&cfg)
		if err != nil {
			return fail(err)
		}
		at = serverAddresses{own}
		if config.Token == "" && cfg.Token.HMACSecret != "" {
			tk.signer, tk.user = secretSigner(cfg.Token.HMACSecret), cmp.Or(cf.User, os.Getenv("USER"), "throng")
			tk.signer.verifies.Issuer, tk.signer.verifies.Audience = cfg.Token.Issuer, cfg.Token.Audience
			config.GetToken = func(centrifuge.ConnectionTokenEvent) (string, error) { return tk.token("") }
		}
	}
	if len(cf.URL) > 0 {
		if at, err = clientAddresses(cf.URL); err != nil {
			return fail(err)
		}
	}
	if cf.User != "" && tk.signer == nil {
		return fail(errors.New("user: needs the key of the server's settings: hmac-secret under [token], without --token and --url"))
	}
	if config.TLSConfig, err = cf.tlsConfig(at[0]); err != nil {
		return fail(err)
	}
	if config.TLSConfig != nil && len(at) > 1 && cf.ServerName == "" {
		config.TLSConfig.ServerName = "" // that of each address
	}
	if at[0].socket != "" {
		config.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
		config.NetDialContext = at[0].dialSocket
	}
	return config, at, nil
}

// tlsConfig returns the client's side of TLS for an address.
func (tf *tlsFlags) tlsConfig(at serverAddress) (*tls.Config, error) {
	s, err := tf.settings()
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(at.url)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "wss" && u.Scheme != "https" {
		if s.Set() {
			return nil, errors.New("ca, cert, key, server-name and insecure: are for a server with TLS")
		}
		return nil, nil
	}
	client, err := tlsclient.New(s, u.Hostname())
	if err != nil {
		return nil, err
	}
	return client.Config(), nil
}

// token returns a token of the own key: for a room, or, with an empty name, for the connection.
func (tk *talker) token(room string) (string, error) {
	now := time.Now()
	claims := jwt.MapClaims{"sub": tk.user, "iat": now.Unix(), "exp": now.Add(ownTokenTTL).Unix()}
	if of := tk.signer.verifies; of.Issuer != "" {
		claims["iss"] = of.Issuer
	}
	if of := tk.signer.verifies; of.Audience != "" {
		claims["aud"] = of.Audience
	}
	if room != "" {
		claims["channel"] = room
	} else {
		claims["info"] = map[string]string{"name": tk.user}
	}
	return tk.signer.sign(claims)
}

// subscription returns a subscription of a room that has not begun. With an own key, it has a token for the room.
func (tk *talker) subscription(room string, config centrifuge.SubscriptionConfig) (*centrifuge.Subscription, error) {
	if tk.signer != nil {
		config.GetToken = func(e centrifuge.SubscriptionTokenEvent) (string, error) { return tk.token(e.Channel) }
	}
	sub, err := tk.NewSubscription(room, config)
	if err != nil {
		return nil, err
	}
	sub.OnUnsubscribed(func(e centrifuge.UnsubscribedEvent) {
		if e.Code != 0 { // 0: this process has ended it
			tk.fail(fmt.Errorf("room %q: %d %s", room, e.Code, e.Reason))
		}
	})
	return sub, nil
}
