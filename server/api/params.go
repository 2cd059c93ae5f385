package api

import (
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/centrifugal/protocol"

	"github.com/throng-chat/throng/server/session"
)

// Parameters that several methods have.

// either returns a parameter as JSON: the value, or the bytes in base64.
func either(name string, value json.RawMessage, b64 string) ([]byte, *protocol.Error) {
	if e := notBoth(name, value, b64); e != nil {
		return nil, e
	}
	if b64 == "" {
		return session.AsJSON(value), nil
	}
	b, err := base64.StdEncoding.DecodeString(b64)
	if err != nil {
		return nil, badRequest("b64%s: %v", name, err)
	}
	return session.AsJSON(b), nil
}

// futureTime returns the time of a parameter in Unix seconds, the zero time for 0. It must be after now, and within 10 years.
func futureTime(name string, seconds int64, now time.Time) (time.Time, *protocol.Error) {
	at := time.Unix(seconds, 0)
	switch {
	case seconds == 0:
		return time.Time{}, nil
	case !at.After(now):
		return time.Time{}, badRequest("%s: the time is in the past: want Unix seconds in the future", name)
	case at.After(now.Add(session.MaxMoment)):
		return time.Time{}, badRequest("%s: want Unix seconds within the next 10 years, not milliseconds; or 0 for never", name)
	}
	return at, nil
}

// notBoth returns an error if a value is given both as JSON and in base64.
func notBoth(name string, value json.RawMessage, b64 string) *protocol.Error {
	if b64 != "" && len(value) > 0 && string(value) != "null" {
		return badRequest("%s and b64%s: want one of them, not both", name, name)
	}
	return nil
}
