package certs

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/crypto/acme"

	"github.com/throng-chat/throng/server/testkit"
)

// failedOrder returns the first failure of an order at a directory.
func failedOrder(t *testing.T, client *http.Client, directory string) ACMEResult {
	t.Helper()
	a, err := OpenACME(ACMEConfig{Domains: []string{"chat.example"}, Cache: t.TempDir(), Directory: directory})
	if err != nil {
		t.Fatal(err)
	}
	if client != nil {
		a.requests.transport = client.Transport
	}
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Timeout)
	defer cancel()
	result := make(chan ACMEResult, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.Run(ctx, func(r ACMEResult) {
			select {
			case result <- r:
			default:
			}
		})
	}()
	defer func() {
		cancel()
		<-done
	}()
	select {
	case r := <-result:
		return r
	case <-ctx.Done():
		t.Fatal("the order did not fail")
		return ACMEResult{}
	}
}

// The advice for an order that failed names what can be wrong.
func TestAFailedOrderHasAnAdvice(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status       int
		kind, body   string
		says, advice string
	}{
		"no directory":        {404, "text/plain", "404 page not found", "404 page not found", "check acme-directory"},
		"a page in its place": {200, "text/html", "<!doctype html>", "invalid character", "check acme-directory"},
		"a rejection":         {403, "application/problem+json", `{"type":"urn:ietf:params:acme:error:rateLimited","detail":"too many orders"}`, "too many orders", "follow its error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ca := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tt.kind)
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			}))
			defer ca.Close()
			r := failedOrder(t, ca.Client(), ca.URL)
			if !strings.Contains(r.Err.Error(), tt.says) || !strings.Contains(r.Advice, tt.advice) || strings.Contains(r.Advice, "443") {
				t.Errorf("got %v, advice %q; want %q and %q", r.Err, r.Advice, tt.says, tt.advice)
			}
			if r.Domain != "chat.example" || r.Retry != firstRetry {
				t.Errorf("got %+v", r)
			}
		})
	}
	t.Run("no network", func(t *testing.T) {
		t.Parallel()
		r := failedOrder(t, nil, "https://127.0.0.1:1/dir")
		if !strings.Contains(r.Err.Error(), "connection refused") || !strings.Contains(r.Advice, "throng must reach the CA") {
			t.Errorf("got %v, advice %q", r.Err, r.Advice)
		}
	})
	t.Run("an unknown authority", func(t *testing.T) {
		t.Parallel()
		ca := httptest.NewTLSServer(http.NotFoundHandler())
		defer ca.Close()
		r := failedOrder(t, nil, ca.URL)
		if !strings.Contains(r.Err.Error(), "certificate") || !strings.Contains(r.Advice, "acme-ca") {
			t.Errorf("got %v, advice %q", r.Err, r.Advice)
		}
	})
}

// The reason of the CA is that of the domain, and of one failure. Other replies leave it as it is.
func TestTheReasonOfTheCAIsKeptForTheDomain(t *testing.T) {
	t.Parallel()
	re := newRequests(nil, []string{"a.example", "b.example"})
	for _, reply := range []string{
		`{"status":"valid","identifier":{"value":"a.example"},"challenges":[{"error":{"detail":"of a valid one"}}]}`,
		`{"status":"invalid","challenges":[{"error":{"detail":"of an order"}}]}`,
		`{"status":"invalid","identifier":{"value":"a.example"},"challenges":[{"status":"pending"}]}`,
		`{"status":"invalid","identifier":{"value":"other.example"},"challenges":[{"error":{"detail":"of another domain"}}]}`,
		`{"status":"invalid","identifier":{"value":"b.example"},"challenges":[{},{"error":{"detail":"` + strings.Repeat("ä", maxReason) + `"}}]}`,
		`[]`, `{`, ``,
	} {
		re.note([]byte(reply))
	}
	if len(re.reasons) != 2 {
		t.Errorf("got %d reasons, want those of the domains", len(re.reasons))
	}
	if got := re.takeReason("a.example"); got != "" {
		t.Errorf("got %q, want no reason", got)
	}
	if got := re.takeReason("b.example"); !strings.HasPrefix(got, "ää") || len(got) > maxReason {
		t.Errorf("got %q of %d bytes", got, len(got))
	}
	if got := re.takeReason("b.example"); got != "" {
		t.Errorf("the second time: got %q, want no reason", got)
	}
	if err := withReason(errBusy, ""); err != errBusy {
		t.Errorf("got %v", err)
	}
	if advice := adviceFor(&acme.Error{StatusCode: 404, Detail: "page not found"}); !strings.Contains(advice, "acme-directory") {
		t.Errorf("got %q", advice)
	}
}

// A reply is passed on whole, whatever its length.
func TestALongReplyOfTheCAIsPassedOn(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, maxAuthorization - 1, maxAuthorization, maxAuthorization + 1, 3 * maxAuthorization} {
		want := strings.Repeat("x", n)
		ca := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(want))
		}))
		re := newRequests(http.DefaultTransport, nil)
		reply, err := (&http.Client{Transport: re}).Get(ca.URL)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(reply.Body)
		if err = errors.Join(err, reply.Body.Close()); err != nil || string(got) != want {
			t.Errorf("got %d bytes, %v; want %d", len(got), err, n)
		}
		ca.Close()
	}
}
