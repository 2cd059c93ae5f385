package server

import (
	"net/url"
	"slices"
	"strings"

	"github.com/throng-chat/throng/server/certs"
)

const maxACMEDomains = 100

// acmeErrors checks the settings of ACME.
func (c *Config) acmeErrors(ce *configErrors) {
	t := &c.TLS
	if len(t.ACMEDomains) == 0 {
		for key, value := range map[string]string{"acme-cache": t.ACMECache, "acme-email": t.ACMEEmail, "acme-ca": t.ACMECA} {
			if value != "" {
				ce.add(key, value, "needs acme-domains")
			}
		}
		return
	}
	if c.TLSListen == "off" {
		ce.add("acme-domains", t.ACMEDomains, "must be left out, because tls-listen is off")
	}
	if len(t.ACMEDomains) > maxACMEDomains {
		ce.add("acme-domains", nil, "%d domains: at most %d are allowed", len(t.ACMEDomains), maxACMEDomains)
	}
	for i, domain := range t.ACMEDomains {
		switch {
		case !validDomain(domain):
			ce.add("acme-domains", domain, "must be a domain in lower case, such as chat.example; in Punycode (xn--) if it is not ASCII, and without *")
		case slices.Contains(t.ACMEDomains[:i], domain):
			ce.add("acme-domains", domain, "is listed twice")
		}
	}
	if t.ACMECache == "" {
		ce.add("acme-cache", t.ACMECache, "must be a directory for the certificates and their keys, because acme-domains is set")
	}
	if t.ACMEEmail != "" && !strings.Contains(t.ACMEEmail, "@") {
		ce.add("acme-email", t.ACMEEmail, "must be an e-mail address, or left out")
	}
	if u, err := url.Parse(t.ACMEDirectory); err != nil || u.Scheme != "https" || u.Host == "" {
		ce.add("acme-directory", t.ACMEDirectory, "must be https://host/path")
	}
}

// validDomain reports whether a name is one for which a CA may issue a certificate.
func validDomain(name string) bool {
	const most = 253
	labels := strings.Split(name, ".")
	return len(name) <= most && len(labels) > 1 && !slices.ContainsFunc(labels, func(label string) bool {
		return label == "" || len(label) > 63 || strings.Trim(label, "-") != label ||
			strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != ""
	})
}

func (c Config) acmeConfig() certs.ACMEConfig {
	t := &c.TLS
	return certs.ACMEConfig{Domains: t.ACMEDomains, Cache: t.ACMECache, Email: t.ACMEEmail, Directory: t.ACMEDirectory, CA: t.ACMECA}
}
