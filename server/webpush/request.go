package webpush

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// maxResponse is the number of bytes of a response that are read: head, and body.
const maxResponse = 16 << 10

// Result is the outcome of one attempt: a label of the metrics.
type Result string

const (
	OK          Result = "ok"
	Gone        Result = "gone"        // the subscription has ended: status 404 or 410
	Rejected    Result = "rejected"    // another status from 300 to 499, except 408 and 429; or the message cannot be encrypted
	Status      Result = "status"      // any other status
	Unreachable Result = "unreachable" // no connection, or it was interrupted
	TimedOut    Result = "timeout"
	Blocked     Result = "blocked" // the host has an address that is not public
)

// Results are all results.
var Results = []Result{OK, Gone, Rejected, Status, Unreachable, TimedOut, Blocked}

// outcome is the outcome of one attempt.
type outcome struct {
	result Result
	final  bool          // do not repeat the request
	pause  time.Duration // that the push service asks for; 0 for none
	cause  error         // nil if result is OK. Its text does not contain the URL
}

// post makes one attempt.
func (s *Sender) post(ctx context.Context, m *Message) outcome {
	ctx, cancel := context.WithTimeout(ctx, pushTimeout)
	defer cancel()
	request, err := s.request(ctx, m)
	if err != nil {
		return outcome{Rejected, true, 0, err}
	}
	response, err := s.http.Do(request)
	if err != nil {
		return broken(ctx, err)
	}
	defer response.Body.Close()
	if _, err := io.CopyN(io.Discard, response.Body, maxResponse); err != nil && !errors.Is(err, io.EOF) && response.StatusCode < 300 {
		return broken(ctx, err)
	}
	return outcomeOf(response)
}

// request returns the request of a message.
func (s *Sender) request(ctx context.Context, m *Message) (*http.Request, error) {
	if err := checkEndpoint(m.To.Endpoint, s.cfg.Services); err != nil {
		return nil, err // it was allowed before a restart with other services
	}
	body, err := m.To.encrypt(m.Payload)
	if err != nil {
		return nil, err
	}
	authorization, err := s.signer.header(m.To.Endpoint, s.now())
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, m.To.Endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, withoutURL(err)
	}
	urgency := "normal"
	if m.Urgent {
		urgency = "high"
	}
	request.Header.Set("Authorization", authorization)
	request.Header.Set("Content-Encoding", "aes128gcm")
	request.Header.Set("Content-Type", "application/octet-stream")
	request.Header.Set("TTL", strconv.Itoa(int(s.cfg.TTL.Seconds())))
	request.Header.Set("Urgency", urgency)
	request.Header.Set("User-Agent", "throng")
	return request, nil
}

// outcomeOf returns the outcome of a complete response.
func outcomeOf(response *http.Response) outcome {
	status := response.StatusCode
	cause := fmt.Errorf("response status %d: want 201 Created", status)
	switch {
	case status >= 200 && status <= 299:
		return outcome{result: OK}
	case status == http.StatusNotFound || status == http.StatusGone:
		return outcome{Gone, true, 0, cause}
	case status >= 300 && status <= 499 && status != http.StatusRequestTimeout && status != http.StatusTooManyRequests:
		return outcome{Rejected, true, 0, cause}
	}
	seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
	if err != nil || seconds < 0 || seconds > int(longestPause/time.Second) {
		seconds = 0 // missing, a date, or longer than the server waits: its own pause
	}
	return outcome{Status, false, time.Duration(seconds) * time.Second, cause}
}

// broken returns the outcome of a request without a complete response.
func broken(ctx context.Context, err error) outcome {
	var timeout net.Error
	switch {
	case errors.Is(err, errPrivate):
		return outcome{Blocked, true, 0, errPrivate}
	case ctx.Err() != nil || errors.As(err, &timeout) && timeout.Timeout():
		return outcome{TimedOut, false, 0, errors.New("timeout: no response")}
	}
	return outcome{Unreachable, false, 0, withoutURL(err)}
}

// withoutURL removes the URL from an error: it is a secret of the browser.
func withoutURL(err error) error {
	var about *url.Error
	if errors.As(err, &about) {
		return about.Err
	}
	return err
}
