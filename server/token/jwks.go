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
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/MicahParks/jwkset"
)

const (
	refreshInterval = 5 * time.Minute
	refreshPause    = 10 * time.Second // shortest time between two fetches
	fetchTimeout    = 5 * time.Second
	maxSet          = 64 << 10 // bytes
)

// remoteSet is the JSON Web Key Set (RFC 7517) at one configured URL. No part of a token enters the URL or a request. The keys belong to
// this set only: a "kid" of another issuer matches none of them.
type remoteSet struct {
	// Constant after newRemoteSet.
	url    string
	client *http.Client
	log    *slog.Logger

	wake    chan struct{}          // capacity 1: a token matched no fetched key
	fetched atomic.Pointer[keySet] // written by run; nil before the first fetch
}

// keySet is the result of one fetch. It is immutable.
type keySet struct {
	at   time.Time // when the fetch began
	keys []key
}

func newRemoteSet(address string, log *slog.Logger) (*remoteSet, error) {
	u, err := url.Parse(address)
	switch {
	case strings.ContainsAny(address, "{}"):
		return nil, errors.New("jwks-url: want a fixed URL, without {{ }}: a token must not choose the host that throng calls")
	case err != nil || u.Host == "" || u.Hostname() == "":
		return nil, errors.New("jwks-url: want a URL such as https://example.com/.well-known/jwks.json")
	case u.User != nil:
		return nil, fmt.Errorf("jwks-url = %q: want no user and password", u.Redacted())
	}
	loopback := isLoopback(u.Hostname())
	if u.Scheme != "https" && !(u.Scheme == "http" && loopback) {
		return nil, fmt.Errorf("jwks-url = %q: want https (http only for a loopback address)", address)
	}
	// The address is checked at each dial, because the addresses of a name may change.
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

// checkAddress returns an error for an address that must not be dialled. A URL with a loopback host may lead to loopback addresses only;
// any other URL to public addresses only.
func checkAddress(address string, loopback bool) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if ip := a.Addr(); loopback && !ip.Unmap().IsLoopback() || !loopback && !isPublic(ip) {
		return fmt.Errorf("jwks-url leads to %v, which is not a public address: put keys of a private network into public-keys", ip)
	}
	return nil
}

// notPublic are the prefixes that net/netip counts as global unicast and that are not public (IANA special-purpose registries).
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

// Run fetches the keys of jwks-url until ctx ends, and returns the error of ctx. It fetches at once and then every 5 minutes; every 10 seconds
// while fetches fail or tokens match no key of the set. A set is used until the next one is fetched. Prepare may replace jwks-url. Call Run once.
func (v *Verifier) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		fetching, stop := context.WithCancel(ctx)
		var ended sync.WaitGroup
		if set := v.rules.Load().set; set != nil {
			ended.Go(func() {
				if err := set.run(fetching); fetching.Err() == nil {
					v.log.Error("refresh of the token keys stopped", "error", err)
				}
			})
		}
		select {
		case <-ctx.Done():
		case <-v.replaced:
		}
		stop()
		ended.Wait()
	}
	return ctx.Err()
}

func (s *remoteSet) run(ctx context.Context) error {
	for {
		err := s.refresh(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			s.log.Warn("could not fetch the keys of jwks-url", "error", err, "retry_in", refreshPause.String())
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
		s.log.Info("fetched the keys of jwks-url", "url", s.url, "keys", len(keys))
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

// parseSet returns the keys of a set that can verify tokens, and the reasons why others cannot. A set without such a key is an error: to
// reject all tokens, change the configuration.
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
			err = errors.New("an earlier key has the same kid and algorithm")
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

// parseJWK reads one key (RFC 7517, 4). It ignores certificates of the key: the URL of the set is the reason to trust it.
func parseJWK(raw []byte) (key, error) {
	var m jwkset.JWKMarshal
	if err := json.Unmarshal(raw, &m); err != nil {
		return key{}, err
	}
	switch {
	case m.USE != "" && m.USE != jwkset.UseSig:
		return key{}, errors.New("use is not sig")
	case len(m.KEYOPS) > 0 && !slices.Contains(m.KEYOPS, jwkset.KeyOpsVerify):
		return key{}, errors.New("key_ops does not contain verify")
	case m.D != "" || m.K != "":
		return key{}, errors.New("a secret key: do not publish secret keys in a set")
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
			return key{}, fmt.Errorf("alg is none of %s", strings.Join(k.algorithms, ", "))
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

// unknownKey handles a token that matches no key. If no set is fetched yet, or the set is older than refreshPause, it returns ErrKeysNotLoaded
// and starts a fetch. It returns nil if the set is new: no key of it will match. A "kid" that the set contains does not change that: the
// key of that "kid" may have been replaced, and keys need no "kid".
func (s *remoteSet) unknownKey(algorithm string, now time.Time) error {
	if !slices.Contains(publicAlgorithms, algorithm) {
		return nil
	}
	set := s.fetched.Load()
	if set == nil {
		return fmt.Errorf("%w: jwks-url has not responded yet", ErrKeysNotLoaded)
	}
	if now.Sub(set.at) < refreshPause {
		return nil
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return fmt.Errorf("%w: the token matches no key of jwks-url, fetched %v ago", ErrKeysNotLoaded, now.Sub(set.at).Round(time.Second))
}
