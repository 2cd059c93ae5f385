package server

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/throng-chat/throng/server/broker"
	"github.com/throng-chat/throng/server/origin"
	"github.com/throng-chat/throng/server/session"
	"github.com/throng-chat/throng/server/webpush"
)

// webPushKeyName is the name of the VAPID key in the table of keys.
const webPushKeyName = "web-push"

// check calls add with each invalid setting: its key, the value found and a rule. stores reports whether there is a data directory.
func (wp *WebPushConfig) check(stores bool, add func(key string, found any, rule string, args ...any)) {
	switch {
	case wp.Subject == "" && (wp.PrivateKey != "" || len(wp.Services) > 0):
		add("subject", wp.Subject, "must be the contact for push services: mailto:ops@chat.example or an https:// URL; it turns Web Push on")
	case wp.Subject != "" && !validSubject(wp.Subject):
		add("subject", wp.Subject, "must be mailto: and an e-mail address, or an https:// URL")
	case wp.Subject != "" && wp.PrivateKey == "" && !stores:
		add("private-key", nil, `is needed without a data directory: set data = "DIR", or create a key: npx web-push generate-vapid-keys`)
	}
	if wp.PrivateKey != "" {
		if _, err := webpush.ParseKeys(wp.PrivateKey); err != nil {
			add("private-key", nil, "%v", err)
		}
	}
	for _, host := range wp.Services {
		if !origin.ValidHost(host) {
			add("services", host, "must be a host, such as push.example; *.push.example for all subdomains; or * for all public hosts")
		}
	}
}

// validSubject reports whether a subject is a contact as RFC 8292 wants it.
func validSubject(text string) bool {
	if address, ok := strings.CutPrefix(text, "mailto:"); ok {
		name, host, ok := strings.Cut(address, "@")
		return ok && name != "" && host != "" && !strings.ContainsAny(address, " \t\r\n")
	}
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Host != ""
}

// loadWebPush turns Web Push on, if it is configured: with the key of the settings, else with that of the data directory, which the first start
// creates. Browsers subscribe to the key, so it must stay the same.
func loadWebPush(ctx context.Context, cfg *WebPushConfig, from broker.Engine, to *session.Sessions) error {
	if cfg.Subject == "" {
		return nil
	}
	text := cfg.PrivateKey
	if text == "" {
		err := untilAvailable(ctx, to.Log, func() (err error) {
			text, err = storedWebPushKey(ctx, from)
			return err
		})
		if err != nil {
			return fmt.Errorf("key of Web Push: %w", err)
		}
	}
	keys, err := webpush.ParseKeys(text)
	if err != nil {
		return fmt.Errorf("key of Web Push: %w", err)
	}
	to.Notices.UsePush(webpush.Config{
		Keys: keys, Subject: cfg.Subject, Services: webpush.NewServices(cfg.Services, cfg.Private), TTL: cfg.TTL, Roots: cfg.Roots,
	})
	return nil
}

// storedWebPushKey returns the private key that is stored. It creates one if there is none.
func storedWebPushKey(ctx context.Context, from broker.Engine) (string, error) {
	table, err := from.Table(ctx, broker.KeyTable)
	if err != nil {
		return "", err
	}
	for {
		value, revision, err := readTable(ctx, table, webPushKeyName)
		if err != nil || value != nil {
			return string(value), err
		}
		keys, err := webpush.NewKeys()
		if err != nil {
			return "", err
		}
		if _, err := table.Put(ctx, webPushKeyName, []byte(keys.Private()), &revision, 0); !errors.Is(err, broker.ErrConflict) {
			return keys.Private(), err
		} // else another process has stored a key meanwhile
	}
}
