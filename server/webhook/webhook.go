// Package webhook tells an application what happens, and asks it what may happen: JSON by POST over HTTP, each request signed
// as Standard Webhooks (standardwebhooks.com, version 1.0) has it. It knows no connection.
//
// What is asked has somebody waiting for the answer, so it is tried once, or twice where the application could not be
// reached. What is told waits in a queue of bounded length and size, and is tried again for almost two minutes; a
// request that is repeated has the id of the first, so that the application can tell.
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
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// How many requests may be under way of those that are asked: about who comes in, and about what is done. The caller sees to it.
const (
	MaxAdmitting = 64
	MaxAsking    = 128
)

// MaxFiles is how many sockets a Client opens at most.
const MaxFiles = MaxAdmitting + MaxAsking + tellers

// MaxAnswer is how many bytes of an answer are read. A longer one is none.
const MaxAnswer = 64 << 10

// idleTimeout is how long a connection is kept for the next request.
const idleTimeout = 90 * time.Second

// Config is where requests go.
type Config struct {
	URL     string        // what is "{event}" in it becomes the name of the event
	Secret  string        // "whsec_" and a key in base64, or the key itself
	Timeout time.Duration // of one request, from looking up the name to the last byte of the answer
}

// Client sends requests. Its methods may be called by any goroutine.
type Client struct {
	// Constant after New.
	config  Config
	signer  *standard.Webhook
	http    *http.Client
	log     *slog.Logger
	observe func(event string, r Result, took time.Duration)
	now     func() time.Time

	teller
}

// New makes a Client, and opens nothing yet. observe is called after each request, by any goroutine; it must not block.
func New(cfg Config, log *slog.Logger, observe func(event string, r Result, took time.Duration)) (*Client, error) {
	key, err := Key(cfg.Secret)
	if err != nil {
		return nil, err
	}
	signer, err := standard.NewWebhookRaw(key)
	if err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	return &Client{
		config: cfg,
		signer: signer,
		http: &http.Client{
			Transport: &http.Transport{
				Proxy:               http.ProxyFromEnvironment,
				DialContext:         (&net.Dialer{Timeout: cfg.Timeout}).DialContext,
				TLSHandshakeTimeout: cfg.Timeout,
				MaxConnsPerHost:     MaxFiles,
				MaxIdleConns:        MaxFiles,
				MaxIdleConnsPerHost: MaxFiles,
				IdleConnTimeout:     idleTimeout,
				ForceAttemptHTTP2:   true,
				DisableCompression:  true, // what is bounded is what comes over the wire

				MaxResponseHeaderBytes: MaxAnswer,
			},
			// Who may answer is in the config, and not in an answer.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		log:     log,
		observe: observe,
		now:     time.Now,
		teller:  newTeller(),
	}, nil
}

// Key is the key of a secret. An error does not show it.
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

// Result is what came of a request.
type Result string

const (
	OK          Result = "ok"
	Refused     Result = "refused"     // the answer is an error, or to disconnect
	Unreachable Result = "unreachable" // no connection, or it broke
	TimedOut    Result = "timeout"
	BadStatus   Result = "status"
	BadAnswer   Result = "answer" // no JSON of the kind, or too long
)

// Results are all of them.
var Results = []Result{OK, Refused, Unreachable, TimedOut, BadStatus, BadAnswer}

// failure is why a request has no good answer. Its text shows neither the secret nor the URL.
type failure struct {
	result Result
	final  bool // another try would not help
	cause  error
}

func (f *failure) Error() string { return f.cause.Error() }

// Ask asks about an event and waits for the answer, for the time-out at most, or until ctx is done. Where the application
// cannot be reached it is asked once more, within that time.
func (c *Client) Ask(ctx context.Context, r *Request) (*Answer, error) {
	body, err := r.encode()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	id := newID()
	answer, f := c.ask(ctx, r.Event, id, body)
	if f != nil && f.result == Unreachable && ctx.Err() == nil {
		answer, f = c.ask(ctx, r.Event, id, body)
	}
	if f != nil {
		return nil, f
	}
	return answer, nil
}

// ask is one request.
func (c *Client) ask(ctx context.Context, event, id string, body []byte) (answer *Answer, f *failure) {
	started := c.now()
	defer func() {
		result := OK
		switch {
		case f != nil:
			result = f.result
		case answer.Error != nil || answer.Disconnect != nil:
			result = Refused
		}
		c.observe(event, result, c.now().Sub(started))
	}()
	text, f := c.post(ctx, event, id, body)
	if f != nil {
		return nil, f
	}
	answer, err := ParseAnswer(text)
	if err != nil {
		return nil, &failure{BadAnswer, true, err}
	}
	return answer, nil
}

// post sends a request and reads the answer to it.
func (c *Client) post(ctx context.Context, event, id string, body []byte) ([]byte, *failure) {
	target := strings.ReplaceAll(c.config.URL, "{event}", event)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return nil, &failure{Unreachable, true, withoutURL(err)}
	}
	now := c.now()
	signature, err := c.signer.Sign(id, now, body)
	if err != nil {
		return nil, &failure{Unreachable, true, fmt.Errorf("sign: %w", err)}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "throng")
	request.Header.Set(standard.HeaderWebhookID, id)
	request.Header.Set(standard.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(standard.HeaderWebhookSignature, signature)

	response, err := c.http.Do(request)
	if err != nil {
		return nil, broken(ctx, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, MaxAnswer+1))
	switch status := response.StatusCode; {
	case status < 200 || status > 299:
		return nil, &failure{BadStatus, finalStatus(status), fmt.Errorf("the answer is %s, want 200 OK", response.Status)}
	case err != nil:
		return nil, broken(ctx, err)
	case len(text) > MaxAnswer:
		return nil, &failure{BadAnswer, true, fmt.Errorf("the answer is longer than %d bytes", MaxAnswer)}
	}
	return text, nil
}

// broken is the failure of a request that got no answer, or not all of it.
func broken(ctx context.Context, err error) *failure {
	var timeout net.Error
	if ctx.Err() != nil || errors.As(err, &timeout) && timeout.Timeout() {
		return &failure{TimedOut, false, errors.New("no answer in time")}
	}
	return &failure{Unreachable, false, withoutURL(err)}
}

// withoutURL is an error that does not show where the request went: there may be a secret in it.
func withoutURL(err error) error {
	var about *url.Error
	if errors.As(err, &about) {
		return about.Err
	}
	return err
}

// finalStatus says of which answers there will be no other: those that find fault with the request, unless with its time.
// 3xx is final as redirects are not followed.
func finalStatus(status int) bool {
	return status >= 300 && status < 500 && status != http.StatusRequestTimeout && status != http.StatusTooManyRequests
}

// newID is the id of a request and of its repetitions.
func newID() string { return "msg_" + rand.Text() }
