package token

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Claims are the claims of a connection token.
type Claims struct {
	User     string                // "sub"; empty for none
	Expires  time.Time             // end of the connection: "expire_at" if present (0: never), else "exp"; zero for never
	Info     []byte                // "info": one JSON value without line breaks; or "b64info": any bytes; nil for none
	Meta     []byte                // "meta": one JSON value without line breaks; nil for none
	Channels []string              // "channels": rooms that the server subscribes the client to; names are unchecked
	Subs     map[string]SubOptions // "subs": the same, with options
	SubNames []string              // the keys of Subs, in the order of the token
	ID       string                // "jti"
	IssuedAt time.Time             // "iat"; zero for none
	Guest    bool                  // issued by Guest, not signed by a configured key
}

// SubOptions are the options of one room of "subs".
type SubOptions struct {
	Info []byte // as in Claims, for this room
	Data []byte // "data" or "b64data", for the subscriber
}

// SubClaims are the claims of a subscription token.
type SubClaims struct {
	User    string // "sub"
	Client  string // "client": the only connection that may use it; empty for any
	Channel string // "channel": the room; its name is unchecked
	Expires time.Time
	Info    []byte
	Data    []byte

	ID       string    // as in Claims
	IssuedAt time.Time // as in Claims
}

// The reasons to reject a token. An error of Connect and Subscribe is exactly one of these and wraps its cause. Its text is safe to log:
// it quotes neither the token nor its claims.
var (
	ErrInvalid       = errors.New("invalid token")
	ErrExpired       = errors.New("token is not valid now") // by "exp", "nbf" or "expire_at"; the rest is valid
	ErrKeysNotLoaded = errors.New("keys are not loaded")    // the token may be valid: the client should retry after some seconds
)

const (
	maxToken = 4 << 10 // bytes
	maxTries = 4       // keys tried per token; ES256 takes 60 µs each
)

// leeway is how far "nbf" may be in the future, because the clock of the issuer may differ. "exp" has no leeway, because the connection
// ends at that time.
const leeway = 30 * time.Second

var (
	errTooLong  = fmt.Errorf("%w: longer than %d bytes", ErrInvalid, maxToken)
	errNotThree = fmt.Errorf("%w: want three parts in base64url, separated by dots", ErrInvalid)
	errCritical = errors.New("critical header parameters (crit) are not supported")
	errNoKey    = errors.New("no key is configured for its algorithm")
)

// Verifier verifies tokens. Any goroutine may call its methods.
type Verifier struct {
	// Constant after New.
	parser *jwt.Parser
	log    *slog.Logger

	guestKeys atomic.Pointer[[]GuestKey] // the first one signs; one or more

	rules    atomic.Pointer[rules]
	replaced chan struct{} // capacity 1: the rules have another set
}

// rules decide which tokens are accepted. They are immutable; set fetches its keys.
type rules struct {
	issuer, audience string
	requireExp       bool
	keys             []key      // of hmac-secret and public-keys
	set              *remoteSet // of jwks-url; nil for none
}

// New returns a Verifier, or all errors in the settings, joined. Each error begins with the key of its setting.
func New(cfg Config, log *slog.Logger) (*Verifier, error) {
	v := &Verifier{
		// The claims of time are checked by judge, after the signature.
		parser: jwt.NewParser(jwt.WithValidMethods(slices.Concat(hmacAlgorithms, publicAlgorithms)), jwt.WithStrictDecoding(),
			jwt.WithoutClaimsValidation()),
		log:      log,
		replaced: make(chan struct{}, 1),
	}
	v.SetGuestKeys([]GuestKey{NewGuestKey()})
	use, err := v.Prepare(cfg)
	if err != nil {
		return nil, err
	}
	use()
	return v, nil
}

// Prepare checks settings that replace those of now. use puts them into use: tokens that are verified from then on need them. Tokens of guests
// stay valid. The keys of another jwks-url are fetched soon; until then its tokens are rejected with ErrKeysNotLoaded. The errors are those of
// New.
func (v *Verifier) Prepare(cfg Config) (use func(), err error) {
	to := &rules{issuer: cfg.Issuer, audience: cfg.Audience, requireExp: cfg.RequireExp}
	var errs []error
	if to.keys, err = configuredKeys(cfg); err != nil {
		errs = append(errs, err)
	}
	now := v.rules.Load()
	switch {
	case cfg.JWKSURL == "":
	case now != nil && now.set != nil && now.set.url == cfg.JWKSURL:
		to.set = now.set
	default:
		if to.set, err = newRemoteSet(cfg.JWKSURL, v.log); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return func() {
		if before := v.rules.Swap(to); before == nil || before.set == to.set {
			return
		}
		select {
		case v.replaced <- struct{}{}:
		default: // Run has not seen the replacement before it
		}
	}, nil
}

// Enabled reports whether a key is configured. Without one, only tokens of guests are accepted.
func (v *Verifier) Enabled() bool {
	now := v.rules.Load()
	return len(now.keys) > 0 || now.set != nil
}

// Connect verifies a connection token and returns its claims. Memory and time depend on the size of the token (4 KiB at most) and on at most
// four signature checks. It does not wait. A signature of ES384 or ES512 takes milliseconds: see Slow.
func (v *Verifier) Connect(token string, now time.Time) (Claims, error) {
	accepted := v.rules.Load()
	d, guest, err := v.verify(accepted, token, now)
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
		d.checkOrigin(accepted.issuer, accepted.audience)
		d.rejectGuestName(c.User)
	}
	if _, is := d.claims["channel"]; is {
		// RFC 8725, 3.12: a subscription token is not a connection token.
		d.fail("channel", "a subscription token, not a connection token")
	}
	c.Expires, err = d.checkTimes(now, accepted.requireExp)
	if err != nil {
		return Claims{}, err
	}
	return c, nil
}

// Subscribe verifies a subscription token and returns its claims, at the cost of Connect. The caller compares user, client and room with
// those of the connection.
func (v *Verifier) Subscribe(token string, now time.Time) (SubClaims, error) {
	accepted := v.rules.Load()
	d, _, err := v.verify(accepted, token, now)
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
	if c.Channel == "" { // RFC 8725, 3.12; a guest token has no channel
		d.fail("channel", "missing: a connection token, not a subscription token")
	}
	d.checkOrigin(accepted.issuer, accepted.audience)
	d.rejectGuestName(c.User)
	c.Expires, err = d.checkTimes(now, accepted.requireExp)
	if err != nil {
		return SubClaims{}, err
	}
	return c, nil
}

// Slow reports whether the signature of a token takes milliseconds to verify, as long as thousands of messages. Call Connect or Subscribe on
// a worker then.
func (v *Verifier) Slow(text string) bool {
	if len(text) > maxToken || !v.rules.Load().hasSlowKey() {
		return false
	}
	head, _, _ := strings.Cut(text, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		return false // verify fails before the signature
	}
	var header map[string]any
	if json.Unmarshal(raw, &header) != nil {
		return false
	}
	algorithm, _ := header["alg"].(string)
	return slices.Contains(slowAlgorithms, algorithm)
}

func (ru *rules) hasSlowKey() bool {
	slow := func(k key) bool {
		return slices.ContainsFunc(k.algorithms, func(a string) bool { return slices.Contains(slowAlgorithms, a) })
	}
	return slices.ContainsFunc(ru.keys, slow) || ru.set != nil && slices.ContainsFunc(ru.set.keys(), slow)
}

// verify returns the unchecked claims of a token with a valid signature, and reports whether it is a guest token.
func (v *Verifier) verify(accepted *rules, text string, now time.Time) (d *decoder, guest bool, err error) {
	if len(text) > maxToken {
		return nil, false, errTooLong
	}
	// The base64 decoder skips line breaks: without this check, one token could have many forms.
	if strings.Count(text, ".") != 2 || strings.ContainsAny(text, "\r\n") {
		return nil, false, errNotThree
	}
	var p payload
	token, err := v.parser.ParseWithClaims(text, &p, func(t *jwt.Token) (any, error) { return v.candidates(accepted, t) })
	switch {
	case err == nil:
		d, err = newDecoder(p.raw)
		return d, isGuest(kid(token)), err
	case errors.Is(err, errCritical):
		return nil, false, fmt.Errorf("%w: %w", ErrInvalid, errCritical)
	case errors.Is(err, jwt.ErrTokenMalformed):
		return nil, false, errNotThree
	}
	if accepted.set != nil && token.Method != nil {
		if err := accepted.set.unknownKey(token.Method.Alg(), now); err != nil {
			return nil, false, err
		}
	}
	if errors.Is(err, errNoKey) {
		return nil, false, fmt.Errorf("%w: %w", ErrInvalid, errNoKey)
	}
	return nil, false, fmt.Errorf("%w: no configured key matches the algorithm and signature", ErrInvalid)
}

// candidates returns the keys to verify a token with: at most maxTries keys that support its algorithm. The "kid" of the token decides only
// which key is tried first. Keys in the header or named by it (jwk, jku, x5u, x5c) are ignored.
func (v *Verifier) candidates(accepted *rules, token *jwt.Token) (any, error) {
	if _, is := token.Header["crit"]; is {
		return nil, errCritical
	}
	algorithm, id := token.Method.Alg(), kid(token)
	if isGuest(id) {
		key := v.guestKey(id)
		if algorithm != guestAlgorithm || key == nil {
			return nil, errNoKey
		}
		return key, nil
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
	if accepted.set != nil {
		fetched = accepted.set.keys()
	}
	try(fetched, func(k *key) bool { return k.id == id })
	try(accepted.keys, func(*key) bool { return true })
	try(fetched, func(k *key) bool { return k.id != id })
	if len(tries.Keys) == 0 {
		return nil, errNoKey
	}
	return tries, nil
}

// kid returns the key ID of a token, or "".
func kid(token *jwt.Token) string {
	id, _ := token.Header["kid"].(string)
	return id
}
