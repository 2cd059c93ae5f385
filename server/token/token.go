package token

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Claims is what a connection token says of whoever brings it.
type Claims struct {
	User     string                // "sub"; empty for one who has no name
	Expires  time.Time             // when the connection ends: "expire_at" if there is one (0: never), else "exp"; zero for never
	Info     []byte                // "info": one JSON value without line breaks; or "b64info": any bytes at all; nil for none
	Meta     []byte                // "meta": one JSON value without line breaks; nil for none
	Channels []string              // "channels": rooms it is put into, names unchecked
	Subs     map[string]SubOptions // "subs": the same, with options
	SubNames []string              // of Subs, in the token's order
	ID       string                // "jti"
	IssuedAt time.Time             // "iat"; zero if it does not say
	Guest    bool                  // made by Guest, not by a configured key
}

// SubOptions is of one room of "subs".
type SubOptions struct {
	Info []byte // as of Claims, in this room
	Data []byte // "data" or "b64data": what the subscriber is told
}

// SubClaims is what a subscription token says of who may enter which room.
type SubClaims struct {
	User    string // "sub"
	Client  string // "client": the only connection it is for; empty for any
	Channel string // "channel": the room, its name unchecked
	Expires time.Time
	Info    []byte
	Data    []byte

	ID       string    // as of Claims
	IssuedAt time.Time // as of Claims
}

// Why a token is not believed. An error of Connect and Subscribe is exactly one of these and wraps its cause. Its text is safe to log:
// it quotes neither the token nor what is in it.
var (
	ErrInvalid       = errors.New("invalid token")
	ErrExpired       = errors.New("token is not valid now") // by "exp" or "nbf"; all else about it is right
	ErrKeysNotLoaded = errors.New("keys are not loaded")    // it may be right: whoever brings it should try again in some seconds
)

const (
	maxToken = 4 << 10 // bytes
	maxTries = 4       // keys one token is tried with: ES256 costs 60 us each
)

// A token's "nbf" may be so far ahead: the clock of whoever made it need not agree with ours. "exp" is exact, since the connection is
// closed at that moment too.
const leeway = 30 * time.Second

var (
	errTooLong  = fmt.Errorf("%w: it is longer than %d bytes", ErrInvalid, maxToken)
	errNotThree = fmt.Errorf("%w: want three parts of base64url with dots between", ErrInvalid)
	errCritical = errors.New("it has a critical header, and none is known here")
	errNoKey    = errors.New("no key is configured for its algorithm")
)

// Verifier says which tokens are believed. Its methods may be called by any goroutine at any time.
type Verifier struct {
	// Never changed after New.
	issuer, audience string
	requireExp       bool
	keys             []key      // of hmac-secret and public-keys
	set              *remoteSet // of jwks-url; nil without
	guestKey         []byte     // of HS256, in this process only
	parser           *jwt.Parser
}

// New makes a Verifier, or returns everything that is wrong with the settings, joined; each error begins with its key.
func New(cfg Config, log *slog.Logger) (*Verifier, error) {
	v := &Verifier{
		issuer:     cfg.Issuer,
		audience:   cfg.Audience,
		requireExp: cfg.RequireExp,
		guestKey:   newGuestKey(),
		// Times are judged here, after everything else.
		parser: jwt.NewParser(jwt.WithValidMethods(slices.Concat(hmacAlgorithms, publicAlgorithms)), jwt.WithStrictDecoding(),
			jwt.WithoutClaimsValidation()),
	}
	var errs []error
	var err error
	if v.keys, err = configuredKeys(cfg); err != nil {
		errs = append(errs, err)
	}
	if cfg.JWKSURL != "" {
		if v.set, err = newRemoteSet(cfg.JWKSURL, log); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return v, nil
}

// Enabled says whether any key is configured. Without one only guests' tokens are believed.
func (v *Verifier) Enabled() bool { return len(v.keys) > 0 || v.set != nil }

// Connect returns what a connection token says, if it is believed. It takes memory and time by the token's size (at most 4 KiB) and
// at most four signatures, and never waits. One of ES384 or ES512 takes milliseconds: see Slow.
func (v *Verifier) Connect(token string, now time.Time) (Claims, error) {
	d, guest, err := v.verify(token, now)
	if err != nil {
		return Claims{}, err
	}
	var c Claims
	c.User, _ = d.text("sub")
	c.ID, _ = d.text("jti")
	c.IssuedAt, _ = d.instant("iat")
	c.Info = d.value("info")
	c.Meta = d.json("meta")
	c.Channels = d.texts("channels")
	c.Subs, c.SubNames = d.subs()
	c.Guest = guest
	if !guest {
		d.checkOrigin(v.issuer, v.audience)
		d.refuseGuest(c.User)
	}
	if _, is := d.claims["channel"]; is {
		// RFC 8725, 3.12: one kind of token must not pass for the other.
		d.fail("channel", "it is for a subscription, not for a connection")
	}
	c.Expires, err = d.judge(now, v.requireExp)
	if err != nil {
		return Claims{}, err
	}
	return c, nil
}

// Subscribe returns what a subscription token says, if it is believed, at the cost of Connect. Whether user, client and room are those
// of the connection is for the caller to compare.
func (v *Verifier) Subscribe(token string, now time.Time) (SubClaims, error) {
	d, _, err := v.verify(token, now)
	if err != nil {
		return SubClaims{}, err
	}
	var c SubClaims
	c.User, _ = d.text("sub")
	c.Client, _ = d.text("client")
	c.Channel, _ = d.text("channel")
	c.ID, _ = d.text("jti")
	c.IssuedAt, _ = d.instant("iat")
	c.Info = d.value("info")
	c.Data = d.value("data")
	if c.Channel == "" { // RFC 8725, 3.12, again; no guest's token has one
		d.fail("channel", "it is for a connection, not for a subscription")
	}
	d.checkOrigin(v.issuer, v.audience)
	d.refuseGuest(c.User)
	c.Expires, err = d.judge(now, v.requireExp)
	if err != nil {
		return SubClaims{}, err
	}
	return c, nil
}

// Slow reports whether the signature of a token takes milliseconds to verify: as long as thousands of messages.
func (v *Verifier) Slow(text string) bool {
	if len(text) > maxToken || !v.hasSlowKey() {
		return false
	}
	head, _, _ := strings.Cut(text, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return false // and no signature will be looked at
	}
	var header map[string]any
	if json.Unmarshal(raw, &header) != nil {
		return false
	}
	algorithm, _ := header["alg"].(string)
	return slices.Contains(slowAlgorithms, algorithm)
}

func (v *Verifier) hasSlowKey() bool {
	slow := func(k key) bool {
		return slices.ContainsFunc(k.algorithms, func(a string) bool { return slices.Contains(slowAlgorithms, a) })
	}
	return slices.ContainsFunc(v.keys, slow) || v.set != nil && slices.ContainsFunc(v.set.keys(), slow)
}

// verify returns the claims of a token whose signature is right, and whether it is a guest's. Nothing in them is checked yet.
func (v *Verifier) verify(text string, now time.Time) (d *decoder, guest bool, err error) {
	if len(text) > maxToken {
		return nil, false, errTooLong
	}
	// base64 skips line breaks, so that one token could be written in many ways.
	if strings.Count(text, ".") != 2 || strings.ContainsAny(text, "\r\n") {
		return nil, false, errNotThree
	}
	var p payload
	token, err := v.parser.ParseWithClaims(text, &p, v.candidates)
	switch {
	case err == nil:
		d, err = newDecoder(p.raw)
		return d, kid(token) == guestKid, err
	case errors.Is(err, errCritical):
		return nil, false, fmt.Errorf("%w: %w", ErrInvalid, errCritical)
	case errors.Is(err, jwt.ErrTokenMalformed):
		return nil, false, errNotThree
	}
	if v.set != nil && token.Method != nil {
		if err := v.set.lacks(token.Method.Alg(), now); err != nil {
			return nil, false, err
		}
	}
	if errors.Is(err, errNoKey) {
		return nil, false, fmt.Errorf("%w: %w", ErrInvalid, errNoKey)
	}
	return nil, false, fmt.Errorf("%w: its signature, or its algorithm, fits no key", ErrInvalid)
}

// candidates returns the keys that a token may be signed with: those whose algorithms hold the token's. Its "kid" says which to try
// first and nothing more; other keys that it names or brings along (jwk, jku, x5u, x5c) are not looked at.
func (v *Verifier) candidates(token *jwt.Token) (any, error) {
	if _, is := token.Header["crit"]; is {
		return nil, errCritical
	}
	algorithm, id := token.Method.Alg(), kid(token)
	if id == guestKid {
		if algorithm != guestAlgorithm {
			return nil, errNoKey
		}
		return v.guestKey, nil
	}
	var tries jwt.VerificationKeySet
	try := func(keys []key, also func(*key) bool) {
		for i := range keys {
			if k := &keys[i]; len(tries.Keys) < maxTries && slices.Contains(k.algorithms, algorithm) && also(k) {
				tries.Keys = append(tries.Keys, k.material)
			}
		}
	}
	var fetched []key
	if v.set != nil {
		fetched = v.set.keys()
	}
	try(fetched, func(k *key) bool { return k.id == id })
	try(v.keys, func(*key) bool { return true })
	try(fetched, func(k *key) bool { return k.id != id })
	if len(tries.Keys) == 0 {
		return nil, errNoKey
	}
	return tries, nil
}

// kid is what a token says of its key, or "".
func kid(token *jwt.Token) string {
	id, _ := token.Header["kid"].(string)
	return id
}
