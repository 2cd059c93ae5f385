package server

import (
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/throng-chat/throng/server/edge"
	"github.com/throng-chat/throng/server/origin"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/webhook"
)

// Validate returns all invalid settings, joined: each error is a *ConfigError. token.New checks Token.
func (c Config) Validate() error {
	var ce configErrors
	ce.addRanges(&c)
	switch allowed := checkAddress(c.Listen); {
	case c.Listen == "off" && c.TLSListen == "off" && !c.Mounted:
		ce.add("listen", c.Listen, "must be host:port, because tls-listen is off too")
	case allowed != "" && c.Listen != "off":
		ce.add("listen", c.Listen, "must be %s, such as 127.0.0.1:3000, or off with tls-listen", allowed)
	}
	if allowed := checkAddress(c.Admin); allowed != "" && c.Admin != "off" {
		ce.add("admin", c.Admin, "must be %s, or off", allowed)
	}
	c.checkGRPC(ce.add)
	switch allowed := checkAddress(c.TLSListen); {
	case c.TLSListen == "off":
	case isUnix(c.TLSListen):
		ce.add("tls-listen", c.TLSListen, "must be host:port, or off: a Unix socket serves without TLS, as listen or admin")
	case allowed != "":
		ce.add("tls-listen", c.TLSListen, "must be %s, or off", allowed)
	}
	if c.AuditLog == "" {
		ce.add("audit-log", c.AuditLog, "must be a path, - for standard error, or off")
	}
	if c.Data == "" {
		ce.add("data", c.Data, "must be a directory, off, or auto")
	}
	for _, o := range c.Origins {
		if _, err := origin.Parse([]string{o}); err != nil {
			ce.add("origin", o, "must be %v", err)
		}
	}
	for _, h := range c.Hosts {
		if !origin.ValidHost(h) {
			ce.add("host", h, "must be a name without scheme and port, such as chat.example; *.example for all subdomains; or * for all names")
		}
	}
	for _, p := range c.TrustedProxies {
		if _, err := edge.ParseProxies([]string{p}); err != nil {
			ce.add("trusted-proxy", p, "must be an IP address or a network, such as 127.0.0.1 or 10.0.0.0/8, or unix for the peers of Unix sockets")
		}
	}
	c.checkProxyProtocol(&ce)
	if c.MaxUnsent < c.MaxMessage {
		ce.add("max-unsent", c.MaxUnsent, "must be at least max-message (%d)", c.MaxMessage)
	}
	if least := max(c.MaxUnsent, 4*c.MaxMessage); c.MaxRetained < least || c.MaxRetained > maxRetainedAllowed {
		ce.add("max-retained", c.MaxRetained, "must be %d (the larger of max-unsent and four times max-message) to 1 TiB", least)
	}
	c.checkCluster(&ce)
	c.checkRoomAccess(&ce)
	if c.HistoryBytes < c.MaxMessage || c.HistoryBytes > maxHistoryBytes {
		ce.add("history-bytes", c.HistoryBytes, "must be max-message (%d) to 1 TiB; to turn history off, leave out history-size in each [[room]]", c.MaxMessage)
	}
	ce.sort(&c)
	return errors.Join(slices.Concat(ce.errs, c.roomErrors(), c.apiErrors(), c.tlsErrors(), c.webhookErrors(), c.webPushErrors(), c.pageErrors(), c.liveErrors(),
		c.tracingErrors(), c.consumerErrors())...)
}

// checkProxyProtocol checks the settings that proxy-protocol depends on.
func (c *Config) checkProxyProtocol(ce *configErrors) {
	switch {
	case !c.requiresProxyHeader("listen") && !c.requiresProxyHeader("tls-listen"): // off, or invalid
	case len(c.TrustedProxies) == 0:
		ce.add("proxy-protocol", c.ProxyProtocol, "needs the addresses of the proxies in trusted-proxy")
	case c.ProxyProtocol == "listen" && c.Listen == "off", c.ProxyProtocol == "tls-listen" && c.TLSListen == "off":
		ce.add("proxy-protocol", c.ProxyProtocol, "needs the port: %s is off", c.ProxyProtocol)
	}
}

func (c *Config) webhookErrors() []error {
	ce := configErrors{table: "webhooks.", title: "webhooks."}
	w := &c.Webhooks
	if w.URL != "" {
		if found, ok := checkWebhookURL(w.URL); !ok {
			ce.add("url", found, "must be https://host/path without a user; http:// only for this machine (localhost, 127.0.0.1, [::1])")
		}
		key, err := webhook.Key(w.Secret)
		if !validSecret(w.Secret) || err != nil || len(key) < minSecret {
			ce.add("secret", nil, `must have at least %d ASCII characters without spaces, or be "whsec_" and as many bytes in base64: it signs each request`, minSecret)
		}
		if len(w.Events) == 0 {
			ce.add("events", w.Events, "must have one or more of %s; or remove webhooks.url", strings.Join(session.AllEvents, ", "))
		}
	} else if w.Handler != nil {
		if len(w.Events) == 0 {
			ce.add("events", w.Events, "must have one or more of %s; or remove the handler", strings.Join(session.AllEvents, ", "))
		}
	} else if len(w.Events) > 0 {
		ce.add("url", w.URL, "must be the address for the events: https://host/path")
	} else if w.Secret != "" {
		ce.add("secret", nil, "needs webhooks.url: without it, throng sends no request to sign")
	}
	for i, event := range w.Events {
		switch {
		case !slices.Contains(session.AllEvents, event):
			ce.add("events", event, "must be one of %s", strings.Join(session.AllEvents, ", "))
		case slices.Contains(w.Events[:i], event):
			ce.add("events", event, "is listed twice")
		}
	}
	ce.addRanges(w)
	return ce.errs
}

func (c *Config) liveErrors() []error {
	ce := configErrors{table: "live.", title: "live."}
	if c.Live.Password != "" && !validSecret(c.Live.Password) {
		ce.add("password", nil, "must have at least %d ASCII characters without spaces", minSecret)
	}
	return ce.errs
}

func (c *Config) tracingErrors() []error {
	ce := configErrors{table: "tracing.", title: "tracing."}
	c.Tracing.check(ce.add)
	ce.addRanges(&c.Tracing)
	return ce.errs
}

func (c *Config) webPushErrors() []error {
	ce := configErrors{table: "web-push.", title: "web-push."}
	c.WebPush.check(c.storesData(), ce.add)
	ce.addRanges(&c.WebPush)
	return ce.errs
}

func (c *Config) pageErrors() []error {
	ce := configErrors{table: "page.", title: "page."}
	c.Page.check(ce.add)
	return ce.errs
}

// checkWebhookURL returns the scheme and the host of the URL, which cannot be secret, for an error; nil if it cannot parse the URL.
func checkWebhookURL(text string) (found any, ok bool) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, false
	}
	found = u.Scheme + "://" + u.Host
	switch {
	case u.Hostname() == "" || u.User != nil || u.Fragment != "":
		return found, false
	case u.Scheme == "https":
		return found, true
	}
	ip := net.ParseIP(u.Hostname())
	return found, u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

// validSecret reports whether s can be sent in an HTTP header and is long enough.
func validSecret(s string) bool {
	return len(s) >= minSecret && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
