package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/throng-chat/throng/server/token"
)

const (
	exitRejected = 4               // of throng token check: the server would reject the token
	keysTime     = 6 * time.Second // for the keys of jwks-url
	keysPause    = 50 * time.Millisecond
)

// tokenCheckCmd is the command throng token check.
type tokenCheckCmd struct {
	oneToken
	serverSettings
}

// Run checks the token with the keys and the rules of the server's settings.
func (tkc *tokenCheckCmd) Run(std *streams) error {
	text, err := tkc.read(std.in)
	if err != nil {
		return err
	}
	cfg, _, err := tkc.load()
	if err != nil {
		return err
	}
	verifier, err := token.New(cfg.Token, slog.New(slog.DiscardHandler))
	if err != nil {
		return &exitError{code: exitUsage, err: err}
	}
	ctx, cancel := interruptible()
	defer cancel()
	fetching, stop := context.WithTimeout(ctx, keysTime)
	var ended sync.WaitGroup
	ended.Go(func() {
		if err := verifier.Run(fetching); fetching.Err() == nil { // it ends with its context only
			panic(err)
		}
	})
	defer ended.Wait()
	defer stop()
	return tkc.judge(fetching, verifier, text, std.out)
}

// judge prints what the server would do with the token, or returns why it would reject the token.
func (tkc *tokenCheckCmd) judge(ctx context.Context, verifier *token.Verifier, text string, out io.Writer) error {
	parts, err := inspectToken(text, time.Now())
	if err != nil {
		return rejected("close 3500 (invalid token) for connect, error 103 (permission denied) for subscribe", err)
	}
	if id, _ := parts.Header["kid"].(string); id == "throng-guest" {
		return errors.New("a guest token: only the server that issued it has its key, so it cannot be checked here")
	}
	if parts.Kind == "subscription" {
		return tkc.judgeSubscription(ctx, verifier, text, out)
	}
	c, err := untilKeys(ctx, func() (token.Claims, error) { return verifier.Connect(text, time.Now()) })
	switch {
	case err != nil:
		return rejected(replyTo(err, "close 3500 (invalid token)"), explainKeys(verifier, err))
	case c.User == "":
		_, err = fmt.Fprintf(out, "accepted: a connection without a user, %s\n", endOf(c.Expires))
	default:
		_, err = fmt.Fprintf(out, "accepted: a connection of the user %q, %s\n", c.User, endOf(c.Expires))
	}
	return err
}

func (tkc *tokenCheckCmd) judgeSubscription(ctx context.Context, verifier *token.Verifier, text string, out io.Writer) error {
	c, err := untilKeys(ctx, func() (token.SubClaims, error) { return verifier.Subscribe(text, time.Now()) })
	if err != nil {
		return rejected(replyTo(err, "error 103 (permission denied)"), explainKeys(verifier, err))
	}
	who := "a connection without a user"
	if c.User != "" {
		who = fmt.Sprintf("the user %q", c.User)
	}
	if c.Client != "" {
		who += fmt.Sprintf(" in the connection %q", c.Client)
	}
	_, err = fmt.Fprintf(out, "accepted: a subscription of %s to the room %q, %s\n", who, c.Channel, endOf(c.Expires))
	return err
}

// untilKeys repeats a check until the keys of jwks-url are loaded, or ctx ends.
func untilKeys[C any](ctx context.Context, check func() (C, error)) (C, error) {
	for {
		claims, err := check()
		if !errors.Is(err, token.ErrKeysNotLoaded) {
			return claims, err
		}
		select {
		case <-ctx.Done():
			return claims, err
		case <-time.After(keysPause):
		}
	}
}

// replyTo returns the server's reply for a reason of package token. invalid is that to an invalid token.
func replyTo(err error, invalid string) string {
	switch {
	case errors.Is(err, token.ErrExpired):
		return "error 109 (token expired)"
	case errors.Is(err, token.ErrKeysNotLoaded):
		return "error 100 (internal server error), until it has the keys"
	}
	return invalid
}

// explainKeys adds to an error that there is no key at all, or that jwks-url did not answer.
func explainKeys(verifier *token.Verifier, err error) error {
	switch {
	case !verifier.Enabled():
		return fmt.Errorf("%w: the settings have no key under [token]: name the server's config file by --config, or set THRONG_TOKEN_HMAC_SECRET", err)
	case errors.Is(err, token.ErrKeysNotLoaded):
		return fmt.Errorf("%w: no keys from jwks-url within %v", err, keysTime)
	}
	return err
}

func rejected(reply string, err error) error {
	return &exitError{code: exitRejected, err: fmt.Errorf("the server would reject the token with %s: %w", reply, err)}
}

func endOf(at time.Time) string {
	if at.IsZero() {
		return "without an end"
	}
	return "until " + at.UTC().Format(time.RFC3339)
}
