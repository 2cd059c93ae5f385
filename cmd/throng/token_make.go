package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/throng-chat/throng/server/chat"
)

// tokenMakeCmd is the command throng token make. docs/tokens.md describes the claims.
type tokenMakeCmd struct {
	signingKey

	User     string        `help:"User of the token (sub). Without it, the client has no user."`
	Room     string        `help:"Make a subscription token for this room, instead of a connection token (channel)."`
	Client   string        `placeholder:"ID" help:"Subscription token: the only connection that may use it (client)."`
	Join     []string      `sep:"none" placeholder:"ROOM" help:"Connection token: a room that the server subscribes the client to (channels). May be repeated."`
	TTL      time.Duration `name:"ttl" default:"1h" help:"Time until the token expires (exp); 0 for never."`
	Info     string        `placeholder:"JSON" help:"Data that other members see (info)."`
	Meta     string        `placeholder:"JSON" help:"Connection token: data for webhooks (meta)."`
	Data     string        `placeholder:"JSON" help:"Subscription token: data for the subscriber (data)."`
	ID       string        `name:"id" help:"ID of the token, to revoke it (jti)."`
	Issuer   string        `help:"Issuer (iss). By default that of the config file."`
	Audience string        `help:"Audience (aud). By default that of the config file."`
}

// Run prints the token.
func (mk *tokenMakeCmd) Run(std *streams) error {
	sg, err := mk.signer()
	if err != nil {
		return err
	}
	sg.verifies.Issuer, sg.verifies.Audience = cmp.Or(mk.Issuer, sg.verifies.Issuer), cmp.Or(mk.Audience, sg.verifies.Audience)
	claims, err := mk.claims(sg, time.Now())
	if err != nil {
		return &exitError{code: exitUsage, err: err}
	}
	text, err := sg.sign(claims)
	if err != nil {
		return &exitError{code: exitUsage, err: fmt.Errorf("the server would reject the token: %w", err)}
	}
	_, err = fmt.Fprintln(std.out, text)
	return err
}

// claims returns the claims of the flags. It returns all errors in them, joined.
func (mk *tokenMakeCmd) claims(sg *signer, now time.Time) (jwt.MapClaims, error) {
	claims := jwt.MapClaims{"iat": now.Unix()}
	var errs []error
	for name, value := range map[string]string{"sub": mk.User, "channel": mk.Room, "client": mk.Client, "jti": mk.ID, "iss": sg.verifies.Issuer, "aud": sg.verifies.Audience} {
		if value != "" {
			claims[name] = value
		}
	}
	for name, value := range map[string]string{"info": mk.Info, "meta": mk.Meta, "data": mk.Data} {
		switch {
		case value == "":
		case !json.Valid([]byte(value)):
			errs = append(errs, fmt.Errorf(`%s: want JSON, such as '{"name":"Ann"}'`, name))
		default:
			claims[name] = json.RawMessage(value)
		}
	}
	switch {
	case mk.TTL < 0:
		errs = append(errs, fmt.Errorf("ttl = %v: must be 0 or more", mk.TTL))
	case mk.TTL > 0:
		claims["exp"] = now.Add(mk.TTL).Unix()
	}
	if len(mk.Join) > 0 {
		claims["channels"] = mk.Join
	}
	for _, room := range append([]string{mk.Room}, mk.Join...) {
		if room != "" && !chat.ValidRoomName(room) {
			errs = append(errs, fmt.Errorf("room %q: want 1 to %d bytes of UTF-8 without control or invisible characters", room, chat.MaxRoomName))
		}
	}
	return claims, errors.Join(append(errs, mk.wrongKind())...)
}

// wrongKind returns an error for a flag of the other kind of token.
func (mk *tokenMakeCmd) wrongKind() error {
	switch {
	case mk.Room == "" && mk.Client+mk.Data != "":
		return errors.New("client and data: are for a subscription token: add --room")
	case mk.Room != "" && (len(mk.Join) > 0 || mk.Meta != ""):
		return errors.New("join and meta: are for a connection token: leave out --room")
	}
	return nil
}
