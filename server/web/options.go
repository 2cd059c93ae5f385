package web

import (
	"bytes"
	"html"
	"net/url"
	"strings"
)

// Options are the settings of the page. They are public: the page has them.
type Options struct {
	TokenURL     string   // returns the token of the reader; relative to the page, or absolute; empty for none
	SignInURL    string   // where a reader signs in; empty for none
	EmbedOrigins []string // of the sites that may show the page in a frame; "*" for all
	Push         bool     // Web Push is on
}

// policy allows the page to run its own script and to reach its own server, and nothing else. With trusted types, the browser rejects
// every string that the script would turn into markup or code. The options add to it: the origin of an absolute TokenURL, the sites of frames,
// and the name of the file of a service worker, which counts as code.
func (o *Options) policy() string {
	connect, frames, types := "'self'", "'none'", "'none'"
	if u, err := url.Parse(o.TokenURL); err == nil && u.Host != "" {
		connect += " " + u.Scheme + "://" + u.Host
	}
	if len(o.EmbedOrigins) > 0 {
		frames = strings.Join(o.EmbedOrigins, " ")
	}
	if o.Push {
		types = "worker"
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; connect-src " + connect + "; img-src 'self' data:; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors " + frames + "; require-trusted-types-for 'script'; trusted-types " + types
}

// into returns the page with the options as attributes of its first element. The script reads them there, without a further request.
func (o *Options) into(page []byte) []byte {
	attributes := ""
	for _, a := range []struct{ name, value string }{{"token-url", o.TokenURL}, {"sign-in-url", o.SignInURL}} {
		if a.value != "" {
			attributes += ` data-` + a.name + `="` + html.EscapeString(a.value) + `"`
		}
	}
	if o.Push {
		attributes += " data-push"
	}
	return bytes.Replace(page, []byte("<html"), []byte("<html"+attributes), 1)
}
