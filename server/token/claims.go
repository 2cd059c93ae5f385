package token

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
)

// payload keeps the bytes of the claims until the signature is verified. The embedded claims stay empty: with them payload implements
// jwt.Claims.
type payload struct {
	jwt.RegisteredClaims
	raw []byte
}

// UnmarshalJSON copies the bytes, because the parser reuses them.
func (p *payload) UnmarshalJSON(data []byte) error {
	p.raw = bytes.Clone(data)
	return nil
}

// decoder reads the claims of one token one by one and keeps the first error. It compares names exactly. Decoding into a struct would
// ignore case, and an application may let its users choose a claim "SUB". A claim that is null counts as missing.
type decoder struct {
	claims map[string]json.RawMessage
	err    error
}

func newDecoder(raw []byte) (*decoder, error) {
	d := &decoder{}
	if !utf8.Valid(raw) || json.Unmarshal(raw, &d.claims) != nil {
		return nil, fmt.Errorf("%w: the claims are not a JSON object in UTF-8", ErrInvalid)
	}
	for name, raw := range d.claims {
		if string(raw) == "null" {
			delete(d.claims, name)
		}
	}
	return d, nil
}

// asObject replaces an empty JSON array by an empty object: PHP encodes an empty array of either kind as [].
func asObject(raw []byte) []byte {
	inner, opens := bytes.CutPrefix(bytes.TrimSpace(raw), []byte("["))
	if opens && string(bytes.TrimSpace(inner)) == "]" {
		return []byte("{}")
	}
	return raw
}

func (d *decoder) fail(claim, cause string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %q: %s", ErrInvalid, claim, cause)
	}
}

// decode sets to from a claim, and reports whether the claim is present and valid.
func (d *decoder) decode(claim, want string, to any) bool {
	raw, is := d.claims[claim]
	if is && json.Unmarshal(raw, to) != nil {
		d.fail(claim, "want "+want)
		return false
	}
	return is
}

func (d *decoder) text(claim string) (s string, is bool) {
	is = d.decode(claim, "a string", &s)
	return s, is
}

func (d *decoder) texts(claim string) (list []string) {
	d.decode(claim, "a list of strings", &list)
	return list
}

// maxInstant is the end of the year 9999, in seconds since 1970. A later time is one in milliseconds.
const maxInstant = 253402300799

// instant reads a NumericDate (RFC 7519, 2): seconds since 1970, with or without a fraction.
func (d *decoder) instant(claim string) (at time.Time, is bool) {
	var seconds float64
	if !d.decode(claim, "a number of seconds since 1970", &seconds) {
		return time.Time{}, false
	}
	if math.Abs(seconds) > maxInstant {
		d.fail(claim, "want seconds since 1970, not milliseconds")
		return time.Time{}, false
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)), true
}

// json returns a claim as compact JSON, nil for none. It has no line breaks: in the SDK protocol, a line break ends a message.
func (d *decoder) json(claim string) []byte {
	raw, is := d.claims[claim]
	if !is {
		return nil
	}
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		d.fail(claim, "want JSON")
	}
	return b.Bytes()
}

// value returns the decoded bytes of "b64"+claim if that claim is present, else the JSON of claim.
func (d *decoder) value(claim string) []byte {
	text, is := d.text("b64" + claim)
	if !is {
		return d.json(claim)
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		d.fail("b64"+claim, "want base64")
	}
	return b
}

// subs returns the rooms of the claim "subs", and their names in the order of the token. Of a repeated name the last options count.
func (d *decoder) subs() (subs map[string]SubOptions, names []string) {
	const want = "an object of rooms, each an object of options"
	if raw, is := d.claims["subs"]; is {
		d.claims["subs"] = asObject(raw)
	}
	var rooms map[string]json.RawMessage
	if !d.decode("subs", want, &rooms) {
		return nil, nil
	}
	subs = make(map[string]SubOptions, len(rooms))
	for name, options := range rooms {
		o := decoder{}
		if json.Unmarshal(asObject(options), &o.claims) != nil {
			d.fail("subs", "want "+want)
		}
		subs[name] = SubOptions{Info: o.value("info"), Data: o.value("data")}
		if o.err != nil {
			d.fail("subs", "want info and data as JSON, b64info and b64data as base64")
		}
	}
	for _, name := range keysOf(d.claims["subs"]) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return subs, names
}

// keysOf returns the keys of a JSON object in their order, repeated ones included.
func keysOf(object []byte) (keys []string) {
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil { // the brace
		return nil
	}
	for d.More() {
		key, err := d.Token()
		name, is := key.(string)
		var value json.RawMessage
		if err != nil || !is || d.Decode(&value) != nil {
			return keys
		}
		keys = append(keys, name)
	}
	return keys
}

// checkOrigin checks "iss" and "aud" against the settings; an empty setting allows any value.
func (d *decoder) checkOrigin(issuer, audience string) {
	if got, _ := d.text("iss"); issuer != "" && got != issuer {
		d.fail("iss", "not the configured issuer")
	}
	if audience == "" {
		return
	}
	var all []string
	if raw := d.claims["aud"]; bytes.HasPrefix(raw, []byte("[")) {
		all = d.texts("aud")
	} else if one, is := d.text("aud"); is {
		all = []string{one}
	}
	if !slices.Contains(all, audience) {
		d.fail("aud", "does not contain the configured audience")
	}
}

// rejectGuestName fails for a user name that is reserved for guests.
func (d *decoder) rejectGuestName(user string) {
	if strings.HasPrefix(user, guestPrefix) {
		d.fail("sub", "names that begin with "+guestPrefix+" are reserved for guests")
	}
}

// checkTimes returns the first error so far. Otherwise it checks "nbf", "exp" and "expire_at", and returns when the connection or the
// subscription ends; zero for never.
func (d *decoder) checkTimes(now time.Time, requireExp bool) (expires time.Time, err error) {
	begin, hasBegin := d.instant("nbf")
	end, hasEnd := d.instant("exp")
	if requireExp && !hasEnd {
		d.fail("exp", "required by require-exp")
	}
	expires = end
	session, hasSession := d.instant("expire_at")
	if hasSession {
		expires = session
		if session.Unix() == 0 {
			expires = time.Time{}
		}
	}
	switch {
	case d.err != nil:
		return time.Time{}, d.err
	case hasEnd && !now.Before(end):
		return time.Time{}, fmt.Errorf("%w: it expired at %s", ErrExpired, end.UTC().Format(time.RFC3339))
	case hasBegin && now.Add(leeway).Before(begin):
		return time.Time{}, fmt.Errorf("%w: not valid before %s", ErrExpired, begin.UTC().Format(time.RFC3339))
	case !expires.IsZero() && !now.Before(expires):
		return time.Time{}, fmt.Errorf("%w: its expire_at was %s", ErrExpired, expires.UTC().Format(time.RFC3339))
	}
	return expires, nil
}
