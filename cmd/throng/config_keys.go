package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/throng-chat/throng/server"
)

// tables are the tables of the config file; true are those of which there may be many.
var tables = map[string]bool{"room": true, "token": false, "api": false, "webhooks": false}

// secrets are settings whose values no error may show. They have environment variables but no flags: a process's flags are for
// everybody on the machine to see.
var secrets = map[string]string{
	"token.hmac-secret":          "THRONG_TOKEN_HMAC_SECRET",
	"token.hmac-secret-previous": "THRONG_TOKEN_HMAC_SECRET_PREVIOUS",
	"api.key":                    "THRONG_API_KEY",
	"webhooks.secret":            "THRONG_WEBHOOK_SECRET",
}

// tableKeys are the keys of the tables that there are once, and where their values go.
func tableKeys(cfg *server.Config) map[string]any {
	return map[string]any{
		"token.hmac-secret":          &cfg.Token.HMACSecret,
		"token.hmac-secret-previous": &cfg.Token.HMACSecretPrevious,
		"token.public-keys":          &cfg.Token.PublicKeys,
		"token.jwks-url":             &cfg.Token.JWKSURL,
		"token.issuer":               &cfg.Token.Issuer,
		"token.audience":             &cfg.Token.Audience,
		"token.require-exp":          &cfg.Token.RequireExp,
		"api.key":                    &cfg.API.Key,
		"api.on":                     &cfg.API.On,
		"webhooks.url":               &cfg.Webhooks.URL,
		"webhooks.secret":            &cfg.Webhooks.Secret,
		"webhooks.events":            &cfg.Webhooks.Events,
		"webhooks.timeout":           &cfg.Webhooks.Timeout,
	}
}

// roomKeys are the keys of a [[room]].
func roomKeys(o *server.RoomOptions) map[string]any {
	return map[string]any{
		"room.pattern":       &o.Pattern,
		"room.subscribe":     &o.Subscribe,
		"room.publish":       &o.Publish,
		"room.see-presence":  &o.SeePresence,
		"room.read-history":  &o.ReadHistory,
		"room.presence":      &o.Presence,
		"room.join-leave":    &o.JoinLeave,
		"room.history-size":  &o.HistorySize,
		"room.history-ttl":   &o.HistoryTTL,
		"room.recovery":      &o.Recovery,
		"room.positioning":   &o.Positioning,
		"room.delta":         &o.Delta,
		"room.max-message":   (*size)(&o.MaxMessage),
		"room.rate":          &o.Rate,
		"room.max-members":   &o.MaxMembers,
		"room.publish-proxy": &o.PublishProxy,
	}
}

// setValue puts a value of the file where it goes; the error says what is wanted.
func setValue(target, value any) error {
	switch target := target.(type) {
	case *string:
		text, ok := value.(string)
		if !ok {
			return errors.New(`want text in quotes`)
		}
		*target = text
	case *server.Who:
		return setValue((*string)(target), value)
	case *bool:
		is, ok := value.(bool)
		if !ok {
			return errors.New("want true or false")
		}
		*target = is
	case *int:
		n, ok := value.(int64)
		if !ok || n < math.MinInt || n > math.MaxInt {
			return errors.New("want a whole number, without quotes")
		}
		*target = int(n)
	case *size:
		if err := target.UnmarshalText([]byte(asFlag(value))); err != nil {
			return errors.New(`want a number of bytes, or one such as "64KiB" or "1MiB"`)
		}
	case *time.Duration:
		text, _ := value.(string)
		d, err := time.ParseDuration(text)
		if err != nil {
			return errors.New(`want a duration, such as "30s" or "5m"`)
		}
		*target = d
	case *[]string:
		list, ok := value.([]string)
		if text, one := value.(string); one {
			list, ok = []string{text}, true
		}
		if !ok {
			return errors.New(`want a list of texts, such as ["a", "b"]`)
		}
		*target = list
	default:
		panic(fmt.Sprintf("config file: a key of type %T", target))
	}
	return nil
}

// asFlag is a value of the file as a flag would be given it.
func asFlag(value any) string {
	if list, ok := value.([]string); ok {
		return strings.Join(list, ",")
	}
	return fmt.Sprint(value)
}

// noSuchKey says where the key might have been meant to be.
func noSuchKey(key string, known []string) error {
	key = inLine(key)
	meant := strings.ToLower(strings.ReplaceAll(strings.Trim(key, `" `), "_", "-"))
	if slices.Contains(known, meant) {
		return fmt.Errorf("%s: no such key; nearest: %s", key, meant)
	}
	last := meant[strings.LastIndexByte(meant, '.')+1:]
	for _, k := range known {
		if k == last {
			return fmt.Errorf("%s: no such key; %s stands above all tables", key, k)
		}
		if strings.HasSuffix(k, "."+last) {
			return fmt.Errorf("%s: no such key; nearest: %s", key, k)
		}
	}
	return fmt.Errorf("%s: no such key; %s", key, nearest("", meant, known))
}

// allKeys are those of the tables, and the tables, sorted.
func allKeys(flat []string) []string {
	keys := slices.Clone(flat)
	add := func(m map[string]any) {
		for k := range m {
			keys = append(keys, k)
		}
	}
	add(tableKeys(&server.Config{}))
	add(roomKeys(&server.RoomOptions{}))
	for k := range tables {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
