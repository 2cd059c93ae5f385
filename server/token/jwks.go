package token

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/MicahParks/jwkset"
)

const (
	refreshInterval = 5 * time.Minute
	refreshPause    = 10 * time.Second // between two fetches, whatever tokens say
	fetchTimeout    = 5 * time.Second
	maxSet          = 64 << 10 // bytes
)

// remoteSet is the JSON Web Key Set (RFC 7517) at one URL. The URL is the configuration's and nothing of a token is ever part of it
// or of a request; the keys are this set's alone, so that another's "kid" finds nothing here.
type remoteSet struct {
	// Never changed.
	url    string
	client *http.Client
	log    *slog.Logger

	wake    chan struct{}          // holds one: a token fitted no key that is here
	fetched atomic.Pointer[keySet] // written by run; nil before the first
}

// keySet is what one fetch brought. It is never written to.
type keySet struct {
	at   time.Time // when the fetch began
	keys []key
}

func newRemoteSet(address string, log *slog.Logger) (*remoteSet, error) {
	u, err := url.Parse(address)
	switch {
	case strings.ContainsAny(address, "{}"):
		return nil, errors.New("jwks-url: want a fixed URL, without {{ }}: nothing of a token may choose whom this server calls")
	case err != nil || u.Host == "" || u.Hostname() == "":
		return nil, errors.New("jwks-url: want a URL such as https://example.com/.well-known/jwks.json")
	case u.User != nil:
		return nil, fmt.Errorf("jwks-url = %q: want no user and password", u.Redacted())
	}
	loopback := isLoopback(u.Hostname())
	if u.Scheme != "https" && !(u.Scheme == "http" && loopback) {
		return nil, fmt.Errorf("jwks-url = %q: want https; http is for this machine only", address)
	}
	// The address is checked when it is dialled: a name may lead anywhere, and elsewhere the next time.
	dialer := &net.Dialer{Control: func(_, address string, _ syscall.RawConn) error { return checkAddress(address, loopback) }}
	return &remoteSet{
		url: address,
		client: &http.Client{
			Timeout:       fetchTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{
				DialContext:            dialer.DialContext,
				DisableKeepAlives:      true,
				DisableCompression:     true,
				ForceAttemptHTTP2:      true,
				MaxResponseHeaderBytes: maxSet,
			},
		},
		log:  log,
		wake: make(chan struct{}, 1),
	}, nil
}

func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.Unmap().IsLoopback()
}

// checkAddress is for an address as it is dialled: a URL of this machine leads to this machine only, any other to none that only
// this server can reach.
func checkAddress(address string, loopback bool) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if ip := a.Addr(); loopback && !ip.Unmap().IsLoopback() || !loopback && !isPublic(ip) {
		return fmt.Errorf("jwks-url leads to %v, which is not a public address; keys of a private network can be given as public-keys", ip)
	}
	return nil
}

// Addresses that net/netip takes for global but are not for everybody (the IANA's special-purpose registries).
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("3fff::/20"), netip.MustParsePrefix("5f00::/16"), netip.MustParsePrefix("fec0::/10"),
}

var nat64 = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052: the last four bytes are an IPv4 address

func isPublic(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if nat64.Contains(ip) {
		b := ip.As16()
		ip = netip.AddrFrom4([4]byte(b[12:]))
	}
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !slices.ContainsFunc(notPublic, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// Run keeps the keys of jwks-url fresh until ctx ends, and returns ctx's error. They are fetched at once, every 5 minutes, and at most
// every 10 seconds while fetching fails or tokens fit no key of the set. What was fetched stays until the next set.
func (v *Verifier) Run(ctx context.Context) error {
	if v.set == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	return v.set.run(ctx)
}

func (s *remoteSet) run(ctx context.Context) error {
	for {
		err := s.refresh(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			s.log.Warn("could not fetch the keys of tokens", "err", err, "again in", refreshPause)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(refreshPause):
		}
		if err != nil {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.wake:
		case <-time.After(refreshInterval - refreshPause):
		}
	}
}

func (s *remoteSet) refresh(ctx context.Context) error {
	began := time.Now()
	body, err := s.fetch(ctx)
	if err != nil {
		return err
	}
	keys, ignored, err := parseSet(body)
	if err != nil {
		return fmt.Errorf("jwks-url = %q: %w", s.url, err)
	}
	if s.fetched.Swap(&keySet{at: began, keys: keys}) == nil {
		s.log.Info("fetched the keys of tokens", "url", s.url, "keys", len(keys))
	}
	if len(ignored) > 0 {
		s.log.Debug("keys of jwks-url that are not used", "why", ignored)
	}
	return nil
}

func (s *remoteSet) fetch(ctx context.Context) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("jwks-url = %q: got status %d: want 200, without a redirect", s.url, response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxSet+1))
	if err != nil {
		return nil, fmt.Errorf("jwks-url = %q: %w", s.url, err)
	}
	if len(body) > maxSet {
		return nil, fmt.Errorf("jwks-url = %q: the set is longer than %d KiB", s.url, maxSet>>10)
	}
	return body, nil
}

// parseSet returns the keys of a set that may verify tokens, and why others may not. A set without any is an error: whoever wants
// to end all tokens changes the configuration.
func parseSet(body []byte) (keys []key, ignored []string, err error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, nil, fmt.Errorf("want a JSON Web Key Set: %w", err)
	}
	for i, raw := range set.Keys {
		k, err := parseJWK(raw)
		if err == nil && k.id != "" && slices.ContainsFunc(keys, func(other key) bool {
			return other.id == k.id && slices.ContainsFunc(other.algorithms, func(a string) bool { return slices.Contains(k.algorithms, a) })
		}) {
			err = errors.New("an earlier one has its kid and algorithm")
		}
		if err != nil {
			ignored = append(ignored, fmt.Sprintf("number %d: %v", i+1, err))
			continue
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, nil, fmt.Errorf("no key of the set can verify tokens: %s", strings.Join(ignored, "; "))
	}
	return keys, ignored, nil
}

// parseJWK reads one key (RFC 7517, 4). Certificates that come with it are not looked at: the set is believed because of where it is.
func parseJWK(raw []byte) (key, error) {
	var m jwkset.JWKMarshal
	if err := json.Unmarshal(raw, &m); err != nil {
		return key{}, err
	}
	switch {
	case m.USE != "" && m.USE != jwkset.UseSig:
		return key{}, errors.New("its use is not sig")
	case len(m.KEYOPS) > 0 && !slices.Contains(m.KEYOPS, jwkset.KeyOpsVerify):
		return key{}, errors.New("its key_ops have no verify")
	case m.D != "" || m.K != "":
		return key{}, errors.New("it is a secret key, and no longer one if others can fetch it")
	}
	public := jwkset.JWKMarshal{KTY: m.KTY, CRV: m.CRV, X: m.X, Y: m.Y, N: m.N, E: m.E}
	j, err := jwkset.NewJWKFromMarshal(public, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return key{}, err
	}
	k, err := publicKey(j.Key())
	if err != nil {
		return key{}, err
	}
	k.id = m.KID
	algorithm := string(m.ALG)
	if algorithm == "Ed25519" { // RFC 9864's name of EdDSA with such a key
		algorithm = "EdDSA"
	}
	if algorithm != "" {
		if !slices.Contains(k.algorithms, algorithm) {
			return key{}, fmt.Errorf("its alg is none of %s", strings.Join(k.algorithms, ", "))
		}
		k.algorithms = []string{algorithm}
	}
	return k, nil
}

func (s *remoteSet) keys() []key {
	if set := s.fetched.Load(); set != nil {
		return set.keys
	}
	return nil
}

// lacks is asked about a token that fits no key, of those that its "kid" names and of all others. The set may be old, or not here yet:
// then the answer is ErrKeysNotLoaded, and the set is fetched soon. It is nil if the set is new: the token will fit none. A "kid" that
// the set has is no reason to believe the set: its key may have been replaced, and keys need not have one.
func (s *remoteSet) lacks(algorithm string, now time.Time) error {
	if !slices.Contains(publicAlgorithms, algorithm) {
		return nil
	}
	set := s.fetched.Load()
	if set == nil {
		return fmt.Errorf("%w: jwks-url has not answered yet", ErrKeysNotLoaded)
	}
	if now.Sub(set.at) < refreshPause {
		return nil
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return fmt.Errorf("%w: the token fits none of those in jwks-url's set of %v ago", ErrKeysNotLoaded, now.Sub(set.at).Round(time.Second))
}
