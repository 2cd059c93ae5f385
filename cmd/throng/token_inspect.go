package main

import (
	"encoding/json"
	"errors"
	"math"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// tokenInspectCmd is the command throng token inspect.
type tokenInspectCmd struct {
	oneToken
}

// tokenParts are the contents of a token, without a check of the signature. The times are those of its claims.
type tokenParts struct {
	Kind     string         `json:"kind"` // "connection" or "subscription"
	Header   map[string]any `json:"header"`
	Claims   jwt.MapClaims  `json:"claims"`
	Issued   string         `json:"issued,omitempty"`
	Valid    string         `json:"valid_from,omitempty"`
	Expires  string         `json:"expires,omitempty"`
	Expired  bool           `json:"expired"`
	Verified bool           `json:"verified"` // false: throng token check verifies
}

// Run prints the contents.
func (in *tokenInspectCmd) Run(std *streams) error {
	text, err := in.read(std.in)
	if err != nil {
		return err
	}
	parts, err := inspectToken(text, time.Now())
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(std.out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(parts)
}

// lastInstant is the end of the year 9999, in seconds since 1970. A later time is one in milliseconds, which the server rejects.
const lastInstant = 253402300799

// inspectToken decodes a token.
func inspectToken(text string, now time.Time) (*tokenParts, error) {
	parts := &tokenParts{Kind: "connection", Claims: jwt.MapClaims{}}
	parsed, _, err := jwt.NewParser(jwt.WithJSONNumber()).ParseUnverified(text, parts.Claims)
	if errors.Is(err, jwt.ErrTokenMalformed) { // an unknown algorithm is another error, and can be shown
		return nil, errors.New("token: not a JSON Web Token: want three parts in base64url, separated by dots, the first two of them JSON objects")
	}
	parts.Header = parsed.Header
	if _, is := parts.Claims["channel"]; is {
		parts.Kind = "subscription"
	}
	instant := func(claim string) (time.Time, string) {
		number, _ := parts.Claims[claim].(json.Number)
		seconds, err := number.Float64()
		if err != nil || math.Abs(seconds) > lastInstant {
			return time.Time{}, ""
		}
		at := time.UnixMilli(int64(seconds * 1000)).UTC()
		return at, at.Format(time.RFC3339)
	}
	_, parts.Issued = instant("iat")
	_, parts.Valid = instant("nbf")
	end, expires := instant("exp")
	parts.Expires, parts.Expired = expires, expires != "" && !now.Before(end)
	return parts, nil
}
