// Package webhook sends proxy requests and event notifications to the application: JSON by HTTP POST, signed according to Standard Webhooks
// 1.0 (standardwebhooks.com). It knows no connection.
//
//	Client.Proxy (webhook.go)  --> request.go --> POST --> reply.go     a client waits: one attempt, two if the application was unreachable
//	Client.Notify (notify.go)  --> queue --> POST                       at least once: up to 12 attempts in about 105 s
//
// A repeated request has the ID of the first one, so that the application can recognize it.
package webhook

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/throng-chat/throng/server/tracing"
)

// Proxy requests in progress, at most: of connect and subscribe, and of publish and rpc. The caller holds these limits.
const (
	MaxAdmissions = 64
	MaxCalls      = 128
)

// MaxFiles is the number of sockets that a Client opens at most.
const MaxFiles = MaxAdmissions + MaxCalls + senders

// MaxReply is the size of a reply in bytes, at most. A longer reply is an error.
const MaxReply = 64 << 10

// idleTimeout is how long an idle HTTP connection stays open.
const idleTimeout = 90 * time.Second

// Config has the address, the key and the timeout of the requests.
type Config struct {
	URL     string        // "{event}" in it is replaced by the name of the event
	Secret  string        // "whsec_" and a key in base64, or the bytes of the key
	Timeout time.Duration // of one request, from the name lookup to the last byte of the reply
	Handler Handler       // instead of URL and Secret; nil for none
}

// Client sends proxy requests and notifications. Any goroutine may call its methods.
type Client struct {
	target atomic.Pointer[target]

	// Constant after New.
	log     *slog.Logger
	observe func(event string, r Result, took time.Duration)
	now     func() time.Time
	tracer  *tracing.Tracer // nil for no traces

	sender
}

// target is where requests go, and how. It is immutable.
type target struct {
	config Config
	signer *standard.Webhook
	http   *http.Client
}

// close closes the idle connections.
func (ta *target) close() {
	if ta.http != nil {
		ta.http.CloseIdleConnections()
	}
}

// New returns a Client without open connections. After each attempt it calls observe, on any goroutine; observe must not block. The error
// is about the secret. tracer is nil for no traces.
func New(cfg Config, log *slog.Logger, observe func(event string, r Result, took time.Duration), tracer *tracing.Tracer) (*Client, error) {
	c := &Client{log: log, observe: observe, now: time.Now, tracer: tracer, sender: newSender()}
	use, err := c.Prepare(cfg)
	if err != nil {
		return nil, err
	}
	use()
	return c, nil
}

// Prepare checks settings that replace those of now. use puts them into use: attempts that begin from then on have them, those of queued
// notifications too. The error is about the secret.
func (c *Client) Prepare(cfg Config) (use func(), err error) {
	if cfg.Handler != nil {
		return func() { c.target.Store(&target{config: cfg}) }, nil
	}
	key, err := Key(cfg.Secret)
	if err != nil {
		return nil, err
	}
	signer, err := standard.NewWebhookRaw(key)
	if err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	to := &target{cfg, signer, newHTTP(cfg.Timeout)}
	return func() {
		if before := c.target.Swap(to); before != nil {
			before.close()
		}
	}, nil
}

// Timeout returns the timeout of a request.
func (c *Client) Timeout() time.Duration { return c.target.Load().config.Timeout }

// newHTTP returns a client for requests with a timeout.
func newHTTP(timeout time.Duration) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: timeout}).DialContext,
			TLSHandshakeTimeout: timeout,
			MaxConnsPerHost:     MaxFiles,
			MaxIdleConns:        MaxFiles,
			MaxIdleConnsPerHost: MaxFiles,
			IdleConnTimeout:     idleTimeout,
			ForceAttemptHTTP2:   true,
			DisableCompression:  true, // MaxReply limits the bytes that arrive

			MaxResponseHeaderBytes: MaxReply,
		},
		// Only the configuration decides where requests go.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Key decodes a secret. The error does not contain the secret.
func Key(secret string) ([]byte, error) {
	text, encoded := strings.CutPrefix(secret, "whsec_")
	if !encoded {
		return []byte(secret), nil
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New(`secret: want base64 behind "whsec_"`)
	}
	return key, nil
}

// Result is the outcome of one attempt: a label of the metrics.
type Result string

const (
	OK          Result = "ok"
	Rejected    Result = "refused"     // the reply is an error or a disconnect
	Unreachable Result = "unreachable" // no connection, or it was interrupted
	TimedOut    Result = "timeout"
	BadStatus   Result = "status"
	BadReply    Result = "answer" // an invalid or too long reply
)

// Results are all results.
var Results = []Result{OK, Rejected, Unreachable, TimedOut, BadStatus, BadReply}

// failure is the error of an attempt. Its text contains neither the secret nor the URL.
type failure struct {
	result Result
	final  bool // do not repeat the request
	cause  error
}

func (f *failure) Error() string { return f.cause.Error() }

// Proxy sends a proxy request and waits for the reply until the timeout, or until ctx is done. If the application is unreachable, it tries once
// more within that time. A reply that is an error or a disconnect is no error of Proxy.
func (c *Client) Proxy(ctx context.Context, r *Request) (*Reply, error) {
	if h := c.target.Load().config.Handler; h != nil {
		return c.proxyTo(ctx, h, r)
	}
	body, err := r.encode()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout())
	defer cancel()
	id := newID()
	reply, f := c.proxyOnce(ctx, r.Event, id, body)
	if f != nil && f.result == Unreachable && ctx.Err() == nil {
		reply, f = c.proxyOnce(ctx, r.Event, id, body)
	}
	if f != nil {
		return nil, f
	}
	return reply, nil
}

// proxyOnce makes one attempt.
func (c *Client) proxyOnce(ctx context.Context, event, id string, body []byte) (reply *Reply, f *failure) {
	ctx, at := c.begin(ctx, event, id)
	defer func() {
		result := OK
		switch {
		case f != nil:
			result = f.result
		case reply.Error != nil || reply.Disconnect != nil:
			result = Rejected
		}
		at.end(result)
	}()
	text, f := c.post(ctx, event, id, body)
	if f != nil {
		return nil, f
	}
	reply, err := parseReply(text)
	if err != nil {
		return nil, &failure{BadReply, true, err}
	}
	return reply, nil
}

// post sends a request and returns the body of the response.
func (c *Client) post(ctx context.Context, event, id string, body []byte) ([]byte, *failure) {
	to := c.target.Load()
	address := strings.ReplaceAll(to.config.URL, "{event}", event)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, &failure{Unreachable, true, withoutURL(err)}
	}
	now := c.now()
	signature, err := to.signer.Sign(id, now, body)
	if err != nil {
		return nil, &failure{Unreachable, true, fmt.Errorf("sign: %w", err)}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "throng")
	request.Header.Set(standard.HeaderWebhookID, id)
	request.Header.Set(standard.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(standard.HeaderWebhookSignature, signature)
	c.tracer.Inject(ctx, request.Header)

	response, err := to.http.Do(request)
	if err != nil {
		return nil, broken(ctx, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, MaxReply+1))
	switch status := response.StatusCode; {
	case status < 200 || status > 299:
		return nil, &failure{BadStatus, finalStatus(status), fmt.Errorf("response status %s: want 200 OK", response.Status)}
	case err != nil:
		return nil, broken(ctx, err)
	case len(text) > MaxReply:
		return nil, &failure{BadReply, true, fmt.Errorf("reply: longer than %d bytes", MaxReply)}
	}
	return text, nil
}

// broken returns the failure of a request without a complete response.
func broken(ctx context.Context, err error) *failure {
	var timeout net.Error
	if ctx.Err() != nil || errors.As(err, &timeout) && timeout.Timeout() {
		return &failure{TimedOut, false, errors.New("timeout: no response")}
	}
	return &failure{Unreachable, false, withoutURL(err)}
}

// withoutURL removes the URL from an error: the URL may contain a secret.
func withoutURL(err error) error {
	var about *url.Error
	if errors.As(err, &about) {
		return about.Err
	}
	return err
}

// finalStatus reports whether a repetition would get the same status: 3xx, because redirects are not followed, and 4xx except 408 and 429.
func finalStatus(status int) bool {
	return status >= 300 && status < 500 && status != http.StatusRequestTimeout && status != http.StatusTooManyRequests
}

// newID returns the ID of a request and its repetitions.
func newID() string { return "msg_" + rand.Text() }
