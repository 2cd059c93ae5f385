package webpush

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-chat/throng/server/testkit"
	"github.com/throng-chat/throng/server/webpush/pushtest"
)

// decoded decodes base64url.
func decoded(t testing.TB, text string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Appendix A of RFC 8291.
func TestTheEncryptionIsThatOfTheRFC(t *testing.T) {
	t.Parallel()
	browser, err := ecdh.P256().NewPublicKey(decoded(t, "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"))
	if err != nil {
		t.Fatal(err)
	}
	own, err := ecdh.P256().NewPrivateKey(decoded(t, "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := seal([]byte("When I grow up, I want to be a watermelon\x02"), browser, own,
		decoded(t, "BTBZMqHH6r4Tts7J_aSIgg"), decoded(t, "DGv6ra1nlYgDCS1FRnbzlw"))
	if err != nil {
		t.Fatal(err)
	}
	want := decoded(t, "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"+
		"yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN")
	if !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

// startSender starts a Sender to a push service of a test.
func startSender(t *testing.T, service *pushtest.Service, change func(*Config), now func() time.Time) (s *Sender, results func() map[Result]int) {
	t.Helper()
	keys, err := NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Keys: keys, Subject: "mailto:ops@chat.example", Services: NewServices([]string{"*"}, true), TTL: time.Hour, Roots: service.Roots()}
	if change != nil {
		change(&cfg)
	}
	var mu sync.Mutex
	counts := map[Result]int{}
	s = NewSender(cfg, slog.New(slog.DiscardHandler), func(r Result) {
		mu.Lock()
		defer mu.Unlock()
		counts[r]++
	})
	s.now = now
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		s.Run(ctx)
		close(ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return s, func() map[Result]int {
		mu.Lock()
		defer mu.Unlock()
		copied := map[Result]int{}
		for r, n := range counts {
			copied[r] = n
		}
		return copied
	}
}

func parsed(t testing.TB, text string) *Subscription {
	t.Helper()
	var s Subscription
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

func TestABrowserDecryptsWhatWasSent(t *testing.T) {
	t.Parallel()
	service := pushtest.Start(t)
	s, _ := startSender(t, service, nil, time.Now)
	to := parsed(t, service.Subscribe("ann"))
	if err := to.Check(s.cfg.Services); err != nil {
		t.Fatal(err)
	}
	sizes := []int{0, 1, padding - 1, padding, MaxPayload - 1, MaxPayload}
	for i, size := range sizes {
		s.Send(Message{To: to, Payload: bytes.Repeat([]byte("a"), size), Urgent: i == 0})
		testkit.Eventually(t, "the message", func() bool { return len(service.Pushes()) == i+1 && s.Waiting() == 0 })
	}
	for i, p := range service.Pushes() {
		if p.Payload != strings.Repeat("a", sizes[i]) || p.TTL != "3600" || p.Key != s.cfg.Keys.Public() || p.Subject != "mailto:ops@chat.example" {
			t.Errorf("%d bytes: got %+v", sizes[i], p)
		}
		if want := map[bool]string{true: "high", false: "normal"}[i == 0]; p.Urgency != want {
			t.Errorf("urgency: got %s, want %s", p.Urgency, want)
		}
	}
	if got := service.Pushes(); got[0].Length != got[1].Length || got[1].Length != got[2].Length {
		t.Errorf("got %d, %d and %d bytes, want the same: the payloads are padded", got[0].Length, got[1].Length, got[2].Length)
	}
	s.Send(Message{To: to, Payload: make([]byte, MaxPayload+1)})
	testkit.Eventually(t, "the drop of a payload that is too long", func() bool { return s.Dropped() == 1 && s.Waiting() == 0 })
}

func TestASubscriptionThatHasEndedIsReported(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusNotFound, http.StatusGone} {
		service := pushtest.Start(t)
		service.Respond(func(string) int { return status })
		s, results := startSender(t, service, nil, time.Now)
		gone := make(chan struct{})
		s.Send(Message{To: parsed(t, service.Subscribe("ann")), Gone: func() { close(gone) }})
		<-gone
		testkit.Eventually(t, "the end of the message", func() bool { return s.Waiting() == 0 })
		if got := results(); got[Gone] != 1 || s.Dropped() != 0 {
			t.Errorf("status %d: got %v and %d dropped", status, got, s.Dropped())
		}
	}
}

// A push service that fails is asked at most maxPushAttempts times, and one that rejects a message once.
func TestAttemptsAreBounded(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]int{http.StatusServiceUnavailable: maxPushAttempts, http.StatusTooManyRequests: maxPushAttempts, http.StatusBadRequest: 1,
		http.StatusMovedPermanently: 1} {
		service := pushtest.Start(t)
		service.Respond(func(string) int { return status })
		var looks atomic.Int64
		s, results := startSender(t, service, nil, func() time.Time { // each look at the clock is a minute later
			return time.Now().Add(time.Duration(looks.Add(1)) * time.Minute)
		})
		s.Send(Message{To: parsed(t, service.Subscribe("ann"))})
		testkit.Eventually(t, "the drop", func() bool { return s.Dropped() == 1 })
		total := 0
		for _, n := range results() {
			total += n
		}
		if total != want {
			t.Errorf("status %d: got %d attempts, want %d", status, total, want)
		}
	}
}

// A name that leads to an address of this machine is not connected to, whatever the URL has.
func TestPrivateAddressesGetNoConnection(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{}, 1)
	inside := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached <- struct{}{} }))
	t.Cleanup(inside.Close)
	service := pushtest.Start(t)
	s, results := startSender(t, service, func(c *Config) {
		c.Services = NewServices([]string{"*"}, false)
	}, time.Now)
	to := parsed(t, service.Subscribe("ann"))
	to.Endpoint = "https://localhost/push" // a name: only its address tells
	s.Send(Message{To: to})
	testkit.Eventually(t, "the drop", func() bool { return s.Dropped() == 1 })
	if got := results(); got[Blocked] != 1 || len(got) != 1 {
		t.Errorf("got %v, want one attempt that was blocked", got)
	}
	if len(reached) > 0 {
		t.Error("the server inside was reached")
	}
}

func TestAddressesThatAreNotPublic(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1", "127.8.9.1", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "0.0.0.0",
		"0.1.2.3", "100.64.0.1", "192.0.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1",
		"::ffff:10.0.0.1", "::ffff:100.64.0.1", "::7f00:1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00::1", "ff02::1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:a00:1::",
		"2001::1", "2001:db8::1", "fec0::1"} {
		if isPublic(netip.MustParseAddr(address)) {
			t.Errorf("%s counts as public", address)
		}
	}
	for _, address := range []string{"1.1.1.1", "172.32.0.1", "100.128.0.1", "142.250.1.95", "2606:4700::1111", "2a00:1450:4001::5f", "::ffff:1.1.1.1"} {
		if !isPublic(netip.MustParseAddr(address)) {
			t.Errorf("%s does not count as public", address)
		}
	}
}

func TestSubscriptionsAreChecked(t *testing.T) {
	t.Parallel()
	service := pushtest.Start(t)
	valid := parsed(t, service.Subscribe("ann"))
	valid.Endpoint = "https://fcm.googleapis.com/fcm/send/x"
	known, all := NewServices(nil, false), NewServices([]string{"*"}, false)
	if err := valid.Check(known); err != nil {
		t.Fatal(err)
	}
	for _, endpoint := range []string{"https://updates.push.services.mozilla.com/wpush/v2/x", "https://web.push.apple.com/x",
		"https://wns2-by3p.notify.windows.com/w/?token=x", "https://FCM.googleapis.com:443/x"} {
		s := *valid
		s.Endpoint = endpoint
		if err := s.Check(known); err != nil {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
	for _, endpoint := range []string{"", "x", "http://fcm.googleapis.com/x", "https://", "https:///x", "https://a@fcm.googleapis.com/x",
		"https://fcm.googleapis.com/x#y", "https://127.0.0.1/x", "https://[::1]/x", "https://[::ffff:10.0.0.1]/x", "https://10.0.0.1/x",
		"https://fcm.googleapis.com:8443/x", "https://fcm.googleapis.com/" + strings.Repeat("x", maxEndpoint), "file:///etc/passwd",
		"https://fcm.googleapis.com:443@10.0.0.1/", "gopher://fcm.googleapis.com/"} {
		s := *valid
		s.Endpoint = endpoint
		if err := s.Check(all); err == nil {
			t.Errorf("%.60q is allowed", endpoint)
		}
	}
	for _, endpoint := range []string{"https://evil.example/x", "https://fcm.googleapis.com.evil.example/x", "https://xfcm.googleapis.com/x",
		"https://push.apple.com/x", "https://evilpush.apple.com/x", "https://fcm.googleapis.com./x"} {
		s := *valid
		s.Endpoint = endpoint
		if err := s.Check(known); err == nil {
			t.Errorf("%q is an allowed push service", endpoint)
		}
	}
	for _, keys := range [][2]string{{"", valid.Keys.Auth}, {valid.Keys.P256dh, ""}, {valid.Keys.P256dh, "AAAA"}, {"AAAA", valid.Keys.Auth},
		{"B" + strings.Repeat("A", 86), valid.Keys.Auth}, {valid.Keys.P256dh, "???"}, {strings.Repeat("A", 1<<20), valid.Keys.Auth}} {
		s := *valid
		s.Keys.P256dh, s.Keys.Auth = keys[0], keys[1]
		if err := s.Check(known); err == nil {
			t.Errorf("the keys %.20q are valid", keys)
		}
	}
}

func TestAFullQueueDropsAndCounts(t *testing.T) {
	t.Parallel()
	service := pushtest.Start(t)
	keys, err := NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	s := NewSender(Config{Keys: keys, Services: NewServices(nil, true)}, slog.New(slog.DiscardHandler), func(Result) {}) // it does not run
	to := parsed(t, service.Subscribe("ann"))
	for range maxPushQueue + 7 {
		s.Send(Message{To: to})
	}
	if s.Waiting() != maxPushQueue || s.Dropped() != 7 {
		t.Errorf("got %d waiting and %d dropped, want %d and 7", s.Waiting(), s.Dropped(), maxPushQueue)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s.Run(ctx)
	if s.Waiting() != 0 || s.Dropped() != maxPushQueue+7 {
		t.Errorf("at the end: got %d waiting and %d dropped, want 0 and %d", s.Waiting(), s.Dropped(), maxPushQueue+7)
	}
	s.Send(Message{To: to})
	if s.Dropped() != maxPushQueue+8 {
		t.Error("a message after the end was not dropped")
	}
}

// A graceful stop does not wait for the pauses.
func TestAFlushRepeatsOnceWithoutAPause(t *testing.T) {
	t.Parallel()
	service := pushtest.Start(t)
	service.Respond(func(string) int { return http.StatusServiceUnavailable })
	s, results := startSender(t, service, nil, time.Now)
	s.Send(Message{To: parsed(t, service.Subscribe("ann"))})
	testkit.Eventually(t, "the first attempt", func() bool { return results()[Status] == 1 })
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s.Flush(ctx)
	if got := results()[Status]; got != 2 || s.Dropped() != 1 || s.Waiting() != 0 {
		t.Errorf("got %d attempts, %d dropped, %d waiting; want 2, 1 and 0", got, s.Dropped(), s.Waiting())
	}
}

func TestKeysAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	k, err := NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseKeys(k.Private())
	if err != nil || again.Public() != k.Public() {
		t.Errorf("got %v, %v", again, err)
	}
	// Appendix A of RFC 8291 has a pair of keys.
	rfc, err := ParseKeys("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")
	if want := "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"; err != nil || rfc.Public() != want {
		t.Errorf("got %v, %v, want %s", rfc, err, want)
	}
	for _, text := range []string{"", "HUSH", strings.Repeat("A", 43), strings.Repeat("_", 43), k.Private() + "="} {
		if _, err := ParseKeys(text); err == nil || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%q: got %v, want an error without the key", text, err)
		}
	}
}

// The token is signed once for each push service, renewed in time, and the table of tokens is bounded.
func TestTokensAreStoredForAWhile(t *testing.T) {
	t.Parallel()
	k, err := NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	sg := signer{keys: k, subject: "mailto:a@b", tokens: map[string]vapidToken{}}
	now := time.Now()
	header := func(endpoint string, at time.Time) string {
		h, err := sg.header(endpoint, at)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	first := header("https://a.example/1", now)
	if header("https://a.example/2", now.Add(tokenLife/2-time.Second)) != first {
		t.Error("the token was not kept")
	}
	if header("https://a.example/2", now.Add(tokenLife/2)) == first {
		t.Error("the token was not renewed")
	}
	for i := range 3 * maxTokens {
		header(fmt.Sprintf("https://%d.example/", i), now)
	}
	if len(sg.tokens) > maxTokens {
		t.Errorf("got %d tokens, want %d at most", len(sg.tokens), maxTokens)
	}
}

func BenchmarkEncrypt(b *testing.B) {
	k, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	var s Subscription
	s.Keys.P256dh = base64.RawURLEncoding.EncodeToString(k.PublicKey().Bytes())
	s.Keys.Auth = base64.RawURLEncoding.EncodeToString(make([]byte, 16))
	payload := make([]byte, 1000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.encrypt(payload); err != nil {
			b.Fatal(err)
		}
	}
}
