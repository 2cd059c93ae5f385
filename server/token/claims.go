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

// payload keeps the claims as they were sent, for after the signature. The embedded claims stay empty: they make it one of jwt.Claims.
type payload struct {
	jwt.RegisteredClaims
	raw []byte
}

// UnmarshalJSON copies: the bytes are on loan.
func (p *payload) UnmarshalJSON(data []byte) error {
	p.raw = bytes.Clone(data)
	return nil
}

// decoder reads the claims of one token one by one and keeps the first error. Names are compared exactly, which decoding into a
// struct would not do: an application may let its users choose a claim "SUB". A claim that is null is not there.
type decoder struct {
	claims map[string]json.RawMessage
	err    error
}

func newDecoder(raw []byte) (*decoder, error) {
	d := &decoder{}
	if !utf8.Valid(raw) || json.Unmarshal(raw, &d.claims) != nil {
		return nil, fmt.Errorf("%w: its claims are no JSON object in UTF-8", ErrInvalid)
	}
	for name, raw := range d.claims {
		if string(raw) == "null" {
			delete(d.claims, name)
		}
	}
	return d, nil
}

// asObject is JSON of which an empty array has become an empty object: PHP writes one that it holds as an array so.
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

// decode fills to from a claim and says whether it is there.
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

// The end of the year 9999. A time beyond it is one in milliseconds.
const maxInstant = 253402300799

// instant reads a NumericDate (RFC 7519, 2): seconds since 1970, perhaps with a fraction.
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

// json returns a value as it is but without the spaces and line breaks between its parts: it goes into messages that end at a line break.
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

// value is the bytes of "b64"+claim if there is one, else the JSON of claim.
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

// subs also returns the names in the order of the token. A name that is there twice counts once, with its last options.
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

// keysOf returns the keys of a JSON object as they stand in it.
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

// checkOrigin is about who made the token, and for whom.
func (d *decoder) checkOrigin(issuer, audience string) {
	if got, _ := d.text("iss"); issuer != "" && got != issuer {
		d.fail("iss", "it is not the configured issuer")
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
		d.fail("aud", "it does not hold the configured audience")
	}
}

// refuseGuest keeps the names of guests for guests.
func (d *decoder) refuseGuest(user string) {
	if strings.HasPrefix(user, guestPrefix) {
		d.fail("sub", "names that begin with "+guestPrefix+" are of guests")
	}
}

// judge returns the first error so far, or says whether the token's time has come and not gone, and when what it allows ends.
func (d *decoder) judge(now time.Time, requireExp bool) (expires time.Time, err error) {
	begin, hasBegin := d.instant("nbf")
	end, hasEnd := d.instant("exp")
	if requireExp && !hasEnd {
		d.fail("exp", "want one: require-exp is set")
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
		return time.Time{}, fmt.Errorf("%w: it is not to be used before %s", ErrExpired, begin.UTC().Format(time.RFC3339))
	case !expires.IsZero() && !now.Before(expires):
		return time.Time{}, fmt.Errorf("%w: what it allows ended at %s", ErrExpired, expires.UTC().Format(time.RFC3339))
	}
	return expires, nil
}
