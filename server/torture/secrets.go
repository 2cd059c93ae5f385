//go:build linux

package main

import (
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Secrets of the servers under attack.
const (
	tokenSecret = "0123456789abcdef0123456789abcdef"
	apiKey      = "torture-api-key-0"

	webhookSecret = "torture-webhook-secret-0"
)

// token returns a connection token of a user, valid for one hour.
func token(user string) string { return tokenUntil(user, time.Now().Add(time.Hour)) }

func tokenUntil(user string, end time.Time) string {
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": user, "exp": end.Unix()}).SignedString([]byte(tokenSecret))
	if err != nil {
		panic(fmt.Sprintf("sign a token: %v", err)) // the method matches the key
	}
	return signed
}
