package certs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/acme"
)

// requests are those to the CA. They fail after ended, since autocert passes no context to them. They note why the CA rejects a domain, which
// autocert does not return.
type requests struct {
	transport http.RoundTripper
	ended     atomic.Bool

	mu      sync.Mutex
	reasons map[string]string // by domain: the last one, or empty. It has all domains
}

// newRequests returns the requests for some domains.
func newRequests(transport http.RoundTripper, domains []string) *requests {
	re := &requests{transport: transport, reasons: map[string]string{}}
	for _, domain := range domains {
		re.reasons[domain] = ""
	}
	return re
}

const adviceOnDomain = "the CA must reach the TLS port as port 443 of the domain: check DNS, the firewall and acme-domains"

const (
	maxAuthorization = 64 << 10 // bytes of a reply that is read for a reason
	maxReason        = 300      // bytes of a reason in the log
)

// RoundTrip implements http.RoundTripper.
func (re *requests) RoundTrip(r *http.Request) (*http.Response, error) {
	if re.ended.Load() {
		return nil, context.Canceled
	}
	reply, err := re.transport.RoundTrip(r)
	if err != nil || !strings.HasPrefix(reply.Header.Get("Content-Type"), "application/json") {
		return reply, err
	}
	begin, err := io.ReadAll(io.LimitReader(reply.Body, maxAuthorization))
	rest := io.Reader(reply.Body)
	if err != nil {
		rest = errorReader{err}
	}
	reply.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(begin), rest), reply.Body}
	re.note(begin)
	return reply, nil
}

// errorReader returns an error.
type errorReader struct{ err error }

func (er errorReader) Read([]byte) (int, error) { return 0, er.err }

// note keeps the reason of a reply, if the reply is an authorization that failed (RFC 8555, 7.1.4).
func (re *requests) note(reply []byte) {
	var authorization struct {
		Status     string
		Identifier struct{ Value string }
		Challenges []struct{ Error struct{ Detail string } }
	}
	if err := json.Unmarshal(reply, &authorization); err != nil || authorization.Status != acme.StatusInvalid {
		return // another kind of reply
	}
	domain := authorization.Identifier.Value
	re.mu.Lock()
	defer re.mu.Unlock()
	if _, known := re.reasons[domain]; !known {
		return
	}
	for _, challenge := range authorization.Challenges {
		if reason := challenge.Error.Detail; reason != "" {
			re.reasons[domain] = strings.ToValidUTF8(reason[:min(len(reason), maxReason)], "?")
		}
	}
}

// takeReason returns the last reason why the CA rejected a domain, and forgets it. It is empty if there is none.
func (re *requests) takeReason(domain string) string {
	re.mu.Lock()
	defer re.mu.Unlock()
	reason := re.reasons[domain]
	re.reasons[domain] = ""
	return reason
}

// withReason returns err with the reason of the CA, if there is one.
func withReason(err error, reason string) error {
	if reason == "" {
		return err
	}
	return fmt.Errorf("%w; reason of the CA: %s", err, reason)
}

// adviceFor returns what to do about an error of an order.
func adviceFor(err error) string {
	var sent *url.Error
	var rejected *acme.Error
	switch {
	case strings.Contains(err.Error(), "unable to satisfy"): // of autocert, which has no type for it
		return adviceOnDomain
	case errors.As(err, &sent):
		return "throng must reach the CA: check the network, acme-directory and acme-ca"
	case errors.As(err, &rejected) && rejected.ProblemType != "":
		return "the CA rejected the request: follow its error"
	}
	return "the CA sent an unexpected reply: check acme-directory"
}
