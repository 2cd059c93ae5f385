package server

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/throng-chat/throng/server/chat"
	"github.com/throng-chat/throng/server/edge"
	"github.com/throng-chat/throng/server/origin"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/settings"
	"github.com/throng-chat/throng/server/webhook"
)

// ConfigError is one invalid setting. It never contains a secret.
type ConfigError struct {
	Key   string // in the config file: "rate", "api.key", "room.history-size"
	Index int    // in Config.Rooms if Key begins with "room.", in Config.Pairs with "tls.certificate.", in Config.APIKeys with "api.keys."; else 0
	Text  string // the key, the value found, and what is allowed
}

// Error returns Text.
func (e *ConfigError) Error() string { return e.Text }

// configErrors collects the errors of one table of the config file.
type configErrors struct {
	table string // begins the Key of each error
	index int
	title string // begins the Text of each error
	errs  []error
}

// add adds an error: the key, the value found and a rule such as "must be 1 to 5". found is nil for a secret.
func (ce *configErrors) add(key string, found any, rule string, args ...any) {
	text := ce.title + key
	switch reflect.ValueOf(found).Kind() {
	case reflect.Invalid: // nil
	case reflect.String:
		text += fmt.Sprintf(" = %q", found)
	default:
		text += fmt.Sprintf(" = %v", found)
	}
	ce.errs = append(ce.errs, &ConfigError{ce.table + key, ce.index, text + ": " + fmt.Sprintf(rule, args...)})
}

// addRanges adds an error for each setting of a struct whose value its tags do not allow.
func (ce *configErrors) addRanges(v any) {
	for _, s := range settings.Of(v) {
		if found, allowed := s.Check(v); allowed != "" {
			ce.add(s.Name, found, "must be %s", allowed)
		}
	}
}

// sort puts the errors into the order of the settings of a struct.
func (ce *configErrors) sort(v any) {
	order := map[string]int{}
	for i, s := range settings.Of(v) {
		order[ce.table+s.Name] = i
	}
	at := func(err error) int { return order[err.(*ConfigError).Key] }
	slices.SortStableFunc(ce.errs, func(a, b error) int { return at(a) - at(b) })
}

// Limits of settings that no tag can express.
const (
	maxRetainedAllowed = 1 << 40
	maxHistoryBytes    = 1 << 40
	maxPatterns        = 1000
	minSecret          = 16 // characters
	maxRepeatWindow    = 24 * time.Hour
)

// Validate returns all invalid settings, joined: each error is a *ConfigError. token.New checks Token.
func (c Config) Validate() error {
	var ce configErrors
	ce.addRanges(&c)
	switch allowed := checkAddress(c.Listen); {
	case c.Listen == "off" && c.TLSListen == "off":
		ce.add("listen", c.Listen, "must be host:port, because tls-listen is off too")
	case allowed != "" && c.Listen != "off":
		ce.add("listen", c.Listen, "must be %s, such as 127.0.0.1:3000, or off with tls-listen", allowed)
	}
	if allowed := checkAddress(c.Admin); allowed != "" && c.Admin != "off" {
		ce.add("admin", c.Admin, "must be %s, or off", allowed)
	}
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
	c.checkRoomAccess(&ce)
	if c.HistoryBytes < c.MaxMessage || c.HistoryBytes > maxHistoryBytes {
		ce.add("history-bytes", c.HistoryBytes, "must be max-message (%d) to 1 TiB; to turn history off, leave out history-size in each [[room]]", c.MaxMessage)
	}
	ce.sort(&c)
	return errors.Join(slices.Concat(ce.errs, c.roomErrors(), c.apiErrors(), c.tlsErrors(), c.webhookErrors(), c.webPushErrors())...)
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

// checkRoomAccess checks the characters that give a room name a meaning.
func (c *Config) checkRoomAccess(ce *configErrors) {
	if !validMark(c.UserRooms) {
		ce.add("user-rooms", c.UserRooms, markRule)
	}
	if !validMark(c.PrivateRooms) {
		ce.add("private-rooms", c.PrivateRooms, markRule)
	}
	if c.UserRooms != "" && c.UserRooms == c.PrivateRooms {
		ce.add("private-rooms", c.PrivateRooms, "must differ from user-rooms")
	}
	if c.PersonalRooms && c.UserRooms == "" {
		ce.add("personal-rooms", true, "needs a character in user-rooms, such as \"#\": it begins the name of a personal room")
	}
}

const markRule = `must be one ASCII punctuation character other than "," and "*", such as "#" or "$"; or "" for no such rooms`

// validMark reports whether s may be user-rooms or private-rooms.
func validMark(s string) bool {
	return s == "" || len(s) == 1 && strings.ContainsAny(s, "!\"#$%&'()+-./:;<=>?@[\\]^_`{|}~")
}

func (c *Config) roomErrors() []error {
	if len(c.Rooms) > maxPatterns {
		ce := configErrors{table: "room.", title: "room: ", index: maxPatterns}
		ce.add("pattern", nil, "%d patterns: at most %d are allowed", len(c.Rooms), maxPatterns)
		return ce.errs
	}
	var errs []error
	for i := range c.Rooms {
		o := &c.Rooms[i]
		ce := configErrors{table: "room.", title: fmt.Sprintf("room %q: ", o.Pattern), index: i}
		checkRoomOptions(o, &ce)
		for _, earlier := range c.Rooms[:i] {
			if o.Pattern != "" && earlier.Pattern != "" && earlier.Matches(o.Pattern) {
				ce.add("pattern", o.Pattern, "is never used: the earlier room %q matches the same names. Put the narrower pattern first, or remove one", earlier.Pattern)
				break
			}
		}
		if o.MaxMessage > c.MaxMessage {
			ce.add("max-message", o.MaxMessage, "must be at most the max-message of the server (%d), or 0 for the same", c.MaxMessage)
		}
		if o.PublishProxy && (c.Webhooks.URL == "" || !slices.Contains(c.Webhooks.Events, session.OnPublish)) {
			ce.add("publish-proxy", true, `needs webhooks.url, and "publish" in webhooks.events`)
		}
		if o.Durable && !c.storesData() {
			ce.add("durable", true, `needs a data directory: set data = "DIR", or --data DIR`)
		}
		errs = append(errs, ce.errs...)
	}
	return errs
}

// checkRoomOptions checks the options of one room, without the settings of the server.
func checkRoomOptions(o *chat.RoomOptions, ce *configErrors) {
	if name := strings.TrimSuffix(o.Pattern, "*"); o.Pattern == "" || strings.Contains(name, "*") || name != "" && !chat.ValidRoomName(name) {
		ce.add("pattern", o.Pattern, "must be a room name, or the beginning of room names and a star, such as \"chat:*\"; at most %d bytes", chat.MaxRoomName)
	}
	ce.addRanges(o)
	if o.JoinLeave && !o.Presence {
		ce.add("join-leave", true, "needs presence = true")
	}
	switch {
	case o.HistorySize != 0 && o.HistoryTTL == 0:
		ce.add("history-size", o.HistorySize, `needs history-ttl, the time to keep a publication: 1s to %v, such as history-ttl = "24h"`, chat.MaxHistoryTTL)
	case o.HistorySize != 0 && (o.HistoryTTL < time.Second || o.HistoryTTL > chat.MaxHistoryTTL):
		ce.add("history-ttl", o.HistoryTTL, "must be 1s to %v", chat.MaxHistoryTTL)
	case o.HistorySize == 0 && o.HistoryTTL != 0:
		ce.add("history-ttl", o.HistoryTTL, "needs history-size above 0")
	}
	switch {
	case o.Durable && o.HistorySize == 0:
		ce.add("durable", true, "needs history-size above 0")
	case o.Durable && o.MaxMessage > chat.MaxDurableMessage:
		ce.add("max-message", o.MaxMessage, "must be at most %d in a durable room", chat.MaxDurableMessage)
	}
	if o.IsChat() && o.HistorySize == 0 {
		ce.add("kind", o.Kind, "needs history-size above 0: the number of messages that the room holds")
	}
	checkTextRules(o, ce)
	if o.Receipts && !o.IsChat() {
		ce.add("receipts", true, `needs kind = "chat"`)
	}
	if o.HistorySize == 0 && o.Recovery {
		ce.add("recovery", true, "needs history-size above 0")
	}
	if o.HistorySize == 0 && o.Positioning {
		ce.add("positioning", true, "needs history-size above 0")
	}
	if o.HistorySize == 0 && o.Rewind != 0 {
		ce.add("rewind", o.Rewind, "needs history-size above 0")
	}
}

// checkTextRules checks the rules for the text of messages.
func checkTextRules(o *chat.RoomOptions, ce *configErrors) {
	const chats = `needs kind = "chat"`
	switch {
	case o.WordList == "":
	case !o.IsChat():
		ce.add("word-list", o.WordList, chats)
	case o.Words == nil:
		ce.add("word-list", o.WordList, "was not read")
	}
	if o.LinksAfter != 0 && !o.IsChat() {
		ce.add("links-after", o.LinksAfter, chats)
	}
	switch {
	case o.RepeatLimit != 0 && !o.IsChat():
		ce.add("repeat-limit", o.RepeatLimit, chats)
	case o.RepeatWindow < time.Second || o.RepeatWindow > maxRepeatWindow:
		ce.add("repeat-window", o.RepeatWindow, "must be 1s to %v", maxRepeatWindow)
	}
}

func (c *Config) tlsErrors() []error {
	ce := configErrors{table: "tls.", title: "tls."}
	t := &c.TLS
	for i, pair := range c.Pairs {
		at := configErrors{table: "tls.certificate.", title: "tls.certificate: ", index: i}
		switch {
		case !c.usesTLS():
			at.add("cert", pair.Cert, "must be left out, because tls-listen is off")
		case pair.Cert == "":
			at.add("cert", pair.Cert, "must name a PEM file")
		case pair.Key == "":
			at.add("key", pair.Key, "must name the PEM file of the key of %s", pair.Cert)
		}
		ce.errs = append(ce.errs, at.errs...)
	}
	switch {
	case !c.usesTLS() && len(t.Cert) > 0:
		ce.add("cert", t.Cert, "must be left out, because tls-listen is off")
	case c.usesTLS() && len(t.Cert) == 0 && len(c.Pairs) == 0 && len(t.ACMEDomains) == 0:
		ce.add("cert", t.Cert, "must name a PEM file, because tls-listen is %s and tls.admin is %t: set it in the table [tls] of the config file, or set acme-domains there",
			c.TLSListen, t.Admin)
	case len(t.Cert) != len(t.Key):
		ce.add("key", t.Key, "must name a PEM file for each of cert (%d)", len(t.Cert))
	}
	if t.RedirectPort != 0 && (c.Listen == "off" || c.TLSListen == "off") {
		ce.add("redirect-port", t.RedirectPort, "needs listen and tls-listen: it redirects from the one to the other")
	}
	if t.Admin && c.Admin == "off" {
		ce.add("admin", true, "must be false, because admin is off")
	}
	if t.AdminClientCA != "" && !t.Admin {
		ce.add("admin-client-ca", t.AdminClientCA, "needs tls.admin = true")
	}
	c.acmeErrors(&ce)
	ce.addRanges(t)
	return ce.errs
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

func (c *Config) webPushErrors() []error {
	ce := configErrors{table: "web-push.", title: "web-push."}
	c.WebPush.check(c.storesData(), ce.add)
	ce.addRanges(&c.WebPush)
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
