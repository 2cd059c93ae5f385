package server

import (
	"net"
	"net/url"
	"strings"

	"github.com/throng-chat/throng/server/origin"
	"github.com/throng-chat/throng/server/web"
)

// check calls add with each invalid setting: its key, the value found and a rule.
func (pc *PageConfig) check(add func(key string, found any, rule string, args ...any)) {
	const rule = "must be a path of the server that the page comes from, such as /throng-token, or https://host/path; http:// only for this machine"
	if pc.TokenURL != "" && !validPageURL(pc.TokenURL) {
		add("token-url", pc.TokenURL, rule)
	}
	if pc.SignInURL != "" && !validPageURL(pc.SignInURL) {
		add("sign-in-url", pc.SignInURL, rule)
	}
	for _, o := range pc.EmbedOrigins {
		switch _, err := origin.Parse([]string{o}); {
		case err != nil:
			add("embed-origins", o, "must be %v", err)
		case !isSource(o):
			add("embed-origins", o, "must be the origin of a site, in ASCII (xn--): https://example.com, https://*.example.com, or * for all")
		}
	}
}

// validPageURL reports whether the page may use a URL of the application.
func validPageURL(text string) bool {
	if strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "//") && !strings.Contains(text, `\`) {
		_, err := url.Parse(text)
		return err == nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

// isSource reports whether a valid origin can stand in a Content-Security-Policy: one of a web site, in ASCII.
func isSource(o string) bool {
	isASCII := !strings.ContainsFunc(o, func(r rune) bool { return r >= 0x80 })
	return o == "*" || isASCII && (strings.HasPrefix(o, "https://") || strings.HasPrefix(o, "http://"))
}

// pageOptions returns the settings of the chat page.
func (c *Config) pageOptions() web.Options {
	return web.Options{
		TokenURL: c.Page.TokenURL, SignInURL: c.Page.SignInURL, EmbedOrigins: c.Page.EmbedOrigins, Push: c.WebPush.Subject != "",
	}
}
