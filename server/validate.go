package server

import (
	"errors"
	"fmt"
	"net"
	"net/url"
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

// ConfigError is one mistake in a Config, in terms of the config file. It never holds a secret.
type ConfigError struct {
	Key   string // "rate", "api.key", "room.history-size"
	Index int    // of Config.Rooms where Key is one of a room's; else 0
	Text  string // the key, what was found, and what is allowed
}

func (e *ConfigError) Error() string { return e.Text }

// mistakes gathers what is wrong in one table of the config file.
type mistakes struct {
	table string // begins the Key of its errors
	index int
	title string // begins their Text
	errs  []error
}

// refuse notes that key is found, and what is wanted instead. A secret is found as nil.
func (m *mistakes) refuse(key string, found any, want string, args ...any) {
	text := m.title + key
	switch found.(type) {
	case nil:
	case string, chat.Who:
		text += fmt.Sprintf(" = %q", found)
	default:
		text += fmt.Sprintf(" = %v", found)
	}
	m.errs = append(m.errs, &ConfigError{m.table + key, m.index, text + ": want " + fmt.Sprintf(want, args...)})
}

// ranges refuses each setting of a struct whose value is not allowed by its tags.
func (m *mistakes) ranges(v any) {
	for _, s := range settings.Of(v) {
		if found, want := s.Check(v); want != "" {
			m.refuse(s.Name, found, "%s", want)
		}
	}
}

// sort puts the mistakes into the order of the settings of a struct.
func (m *mistakes) sort(v any) {
	order := map[string]int{}
	for i, s := range settings.Of(v) {
		order[m.table+s.Name] = i
	}
	at := func(err error) int { return order[err.(*ConfigError).Key] }
	slices.SortStableFunc(m.errs, func(a, b error) int { return at(a) - at(b) })
}

// Limits of a Config that no tag has.
const (
	maxRetainedAllowed = 1 << 40
	maxHistoryBytes    = 1 << 40
	maxPatterns        = 1000
	minSecret          = 16 // bytes
)

// Validate returns everything that is wrong, joined. Each is a *ConfigError. What is wrong with Token, token.New says.
func (c Config) Validate() error {
	var m mistakes
	m.ranges(&c)
	if want := checkAddress(c.Listen); want != "" {
		m.refuse("listen", c.Listen, "%s, such as 127.0.0.1:3000", want)
	}
	if want := checkAddress(c.Admin); want != "" && c.Admin != "off" {
		m.refuse("admin", c.Admin, "%s, or off", want)
	}
	for _, o := range c.Origins {
		if _, err := origin.Parse([]string{o}); err != nil {
			m.refuse("origin", o, "%v", err)
		}
	}
	for _, h := range c.Hosts {
		if !origin.ValidHost(h) {
			m.refuse("host", h, "a name without scheme and port, such as chat.example, *.example for the names below one, or * for all")
		}
	}
	for _, p := range c.TrustedProxies {
		if _, err := edge.ParseProxies([]string{p}); err != nil {
			m.refuse("trusted-proxy", p, "an address or a network, such as 127.0.0.1 or 10.0.0.0/8")
		}
	}
	if c.MaxUnsent < c.MaxMessage {
		m.refuse("max-unsent", c.MaxUnsent, "max-message (%d) or more, or one message closes its readers", c.MaxMessage)
	}
	if least := max(c.MaxUnsent, 4*c.MaxMessage); c.MaxRetained < least || c.MaxRetained > maxRetainedAllowed {
		m.refuse("max-retained", c.MaxRetained, "max-unsent and four messages (%d) or more, 1 TiB at most", least)
	}
	c.checkRoomAccess(&m)
	if c.HistoryBytes < c.MaxMessage || c.HistoryBytes > maxHistoryBytes {
		m.refuse("history-bytes", c.HistoryBytes, "max-message (%d) to 1 TiB; rooms without history-size keep none", c.MaxMessage)
	}
	m.sort(&c)
	return errors.Join(slices.Concat(m.errs, c.roomMistakes(), c.apiMistakes(), c.webhookMistakes())...)
}

// checkRoomAccess finds what is wrong with the rules for the names of rooms, and for rooms that no pattern fits.
func (c *Config) checkRoomAccess(m *mistakes) {
	if !validMark(c.UserRooms) {
		m.refuse("user-rooms", c.UserRooms, "%s", wantMark)
	}
	if !validMark(c.PrivateRooms) {
		m.refuse("private-rooms", c.PrivateRooms, "%s", wantMark)
	}
	if c.UserRooms != "" && c.UserRooms == c.PrivateRooms {
		m.refuse("private-rooms", c.PrivateRooms, "another character than user-rooms")
	}
	if c.PersonalRooms && c.UserRooms == "" {
		m.refuse("personal-rooms", true, "user-rooms = \"#\" with it: the name of a personal room is that character and the user")
	}
}

const wantMark = `one character of ASCII punctuation but the comma and the star, such as "#" or "$", or "" for no such rooms`

// validMark reports whether a text can mark the name of a room.
func validMark(s string) bool {
	return s == "" || len(s) == 1 && strings.ContainsAny(s, "!\"#$%&'()+-./:;<=>?@[\\]^_`{|}~")
}

func (c *Config) roomMistakes() []error {
	if len(c.Rooms) > maxPatterns {
		m := mistakes{table: "room.", title: "room: ", index: maxPatterns}
		m.refuse("pattern", nil, "%d patterns at most: found %d", maxPatterns, len(c.Rooms))
		return m.errs
	}
	var errs []error
	for i := range c.Rooms {
		o := &c.Rooms[i]
		m := mistakes{table: "room.", title: fmt.Sprintf("room %q: ", o.Pattern), index: i}
		checkRoomOptions(o, &m)
		for _, earlier := range c.Rooms[:i] {
			if o.Pattern != "" && earlier.Pattern != "" && earlier.Fits(o.Pattern) {
				m.refuse("pattern", o.Pattern, "one that room %q, which comes earlier, does not hold already: the first that fits counts", earlier.Pattern)
				break
			}
		}
		if o.MaxMessage > c.MaxMessage {
			m.refuse("max-message", o.MaxMessage, "max-message of the server (%d) at most, or 0 for that", c.MaxMessage)
		}
		if o.PublishProxy && (c.Webhooks.URL == "" || !slices.Contains(c.Webhooks.Events, session.OnPublish)) {
			m.refuse("publish-proxy", true, `webhooks.url, and "publish" in webhooks.events`)
		}
		errs = append(errs, m.errs...)
	}
	return errs
}

// checkRoomOptions finds what is wrong with a room's options by themselves.
func checkRoomOptions(o *chat.RoomOptions, m *mistakes) {
	if name := strings.TrimSuffix(o.Pattern, "*"); o.Pattern == "" || strings.Contains(name, "*") || name != "" && !chat.ValidRoomName(name) {
		m.refuse("pattern", o.Pattern, "the name of a room, or the beginning of one and a star, such as \"chat:*\"; %d bytes at most", chat.MaxRoomName)
	}
	m.ranges(o)
	if o.JoinLeave && !o.Presence {
		m.refuse("join-leave", true, "presence = true with it")
	}
	switch {
	case o.HistorySize != 0 && o.HistoryTTL == 0:
		m.refuse("history-size", o.HistorySize, `history-ttl with it, such as history-ttl = "24h": how long a publication is kept, 1s to %v`, chat.MaxHistoryTTL)
	case o.HistorySize != 0 && (o.HistoryTTL < time.Second || o.HistoryTTL > chat.MaxHistoryTTL):
		m.refuse("history-ttl", o.HistoryTTL, "1s to %v where there is a history-size", chat.MaxHistoryTTL)
	case o.HistorySize == 0 && o.HistoryTTL != 0:
		m.refuse("history-ttl", o.HistoryTTL, "history-size above 0 with it, or nothing is kept")
	}
	if o.HistorySize == 0 && o.Recovery {
		m.refuse("recovery", true, "history-size above 0 with it, or there is nothing to recover from")
	}
	if o.HistorySize == 0 && o.Positioning {
		m.refuse("positioning", true, "history-size above 0 with it, or there is no position")
	}
}

func (c *Config) apiMistakes() []error {
	m := mistakes{table: "api.", title: "api."}
	if c.API.Key != "" && !validSecret(c.API.Key) {
		m.refuse("key", nil, "%d or more characters of ASCII without spaces", minSecret)
	}
	m.ranges(&c.API)
	if c.API.Key != "" && c.API.On == "admin" && c.Admin == "off" {
		m.refuse("on", c.API.On, "listen, as admin is off")
	}
	return m.errs
}

func (c *Config) webhookMistakes() []error {
	m := mistakes{table: "webhooks.", title: "webhooks."}
	w := &c.Webhooks
	if w.URL != "" {
		if found, ok := checkWebhookURL(w.URL); !ok {
			m.refuse("url", found, "https://host/path without a user; http:// only for this machine (localhost, 127.0.0.1, [::1])")
		}
		key, err := webhook.Key(w.Secret)
		if !validSecret(w.Secret) || err != nil || len(key) < minSecret {
			m.refuse("secret", nil, `%d or more characters of ASCII without spaces, or "whsec_" and as many bytes in base64: it signs each request`, minSecret)
		}
		if len(w.Events) == 0 {
			m.refuse("events", w.Events, "one or more of %s, or no url", strings.Join(session.AllEvents, ", "))
		}
	} else if len(w.Events) > 0 {
		m.refuse("url", w.URL, "where the events go: https://host/path")
	} else if w.Secret != "" {
		m.refuse("secret", nil, "webhooks.url with it: without one no request is sent, and the secret has no effect")
	}
	for i, event := range w.Events {
		switch {
		case !slices.Contains(session.AllEvents, event):
			m.refuse("events", event, "any of %s", strings.Join(session.AllEvents, ", "))
		case slices.Contains(w.Events[:i], event):
			m.refuse("events", event, "each event once")
		}
	}
	m.ranges(w)
	return m.errs
}

// checkWebhookURL also returns as much of the URL as is surely no secret.
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

// validSecret says whether a key can stand in a header, and is too long to be guessed.
func validSecret(s string) bool {
	return len(s) >= minSecret && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
