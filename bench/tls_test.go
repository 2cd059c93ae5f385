package bench

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/throng-chat/throng/bench/result"
	"github.com/throng-chat/throng/bench/tlsclient"
)

// overTLS starts the handler of a server with TLS. It returns the URL, and the settings that trust the server.
func overTLS(t *testing.T, h http.Handler, change func(*tls.Config)) (string, tlsclient.Settings) {
	srv := httptest.NewUnstartedServer(h)
	srv.TLS = &tls.Config{}
	if change != nil {
		change(srv.TLS)
	}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes fail on purpose
	srv.StartTLS()
	t.Cleanup(srv.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	return "wss" + strings.TrimPrefix(srv.URL, "https"), tlsclient.Settings{CA: ca}
}

func TestEveryScenarioSpeaksTLS(t *testing.T) {
	t.Parallel()
	for _, scenario := range Scenarios {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			url, settings := overTLS(t, handlerOf(t, scenario), nil)
			cfg := testConfig(url)
			c := DefaultConfig(scenario)
			cfg.Scenario, cfg.Rooms, cfg.Zipf, cfg.Poisson, cfg.Churn, cfg.Kill, cfg.Slow = scenario, 1, 0, c.Poisson, c.Churn, c.Kill, c.Slow
			cfg.TLS, cfg.Duration = settings, time.Second
			if scenario == Connect {
				cfg.Rate = 0
			}
			if scenario == Slow || scenario == Storm || scenario == Chat {
				cfg.Publishers = 5
			}
			if scenario == Storm { // few handshakes in a long time: a connection that is not back at the end is a fault
				cfg.Connections, cfg.Kill, cfg.Duration = 12, 0.3, 5*time.Second
			}
			r := mustRun(t, cfg)
			c0 := &r.Connect
			if !good(r) || c0.Opened != cfg.Connections || c0.TLS == nil || c0.TLS.Count < uint64(cfg.Connections) {
				t.Errorf("got %+v, %d opened, TLS %+v", r.Verdict, c0.Opened, c0.TLS)
			}
			if !strings.HasPrefix(r.Target.TLS, "TLS 1.3, TLS_") {
				t.Errorf("got the target %+v", r.Target)
			}
			if (r.Delivery.Expected > 0) != !cfg.silentRun() {
				t.Errorf("got %+v", r.Delivery)
			}
			if scenario == Storm && r.Storm.Back != r.Storm.Killed {
				t.Errorf("got %+v", r.Storm)
			}
		})
	}
}

// handlerOf returns a server for a scenario.
func handlerOf(t *testing.T, scenario string) http.Handler {
	if scenario != Echo {
		return newRoom(t, nil)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		c, err := websocket.Accept(w, q, nil)
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		defer c.CloseNow()
		for {
			kind, m, err := c.Read(q.Context())
			if err != nil {
				return
			}
			if err := c.Write(q.Context(), kind, m); err != nil {
				return
			}
		}
	})
}

// The time of a connection is that of its parts, each measured alone.
func TestTheTimesOfAConnectionAddUp(t *testing.T) {
	t.Parallel()
	const late = 60 * time.Millisecond
	slow := func(cfg *tls.Config) {
		cfg.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
			time.Sleep(late) // the time that this server needs for a hello
			return nil, nil
		}
	}
	url, settings := overTLS(t, newRoom(t, nil), slow)
	cfg := testConfig(url + "/ws")
	cfg.Scenario, cfg.Connections, cfg.Rate, cfg.TLS, cfg.Dials = Connect, 30, 0, settings, 1
	c := mustRun(t, cfg).Connect
	if *c.TLS.P50 < late || *c.Time.P50 < *c.TLS.P50 {
		t.Errorf("got a median of %v for TLS and of %v for all, want %v at least", *c.TLS.P50, *c.Time.P50, late)
	}
	// One connection opens after another, so a part that counts twice makes their sum longer than the whole.
	if all := 30 * *c.Time.P50; all > c.Took*3/2 {
		t.Errorf("got a median of %v for a connection, but %v for all 30", *c.Time.P50, c.Took)
	}
	cfg.URLs, cfg.TLS = []string{startRoom(t, nil)}, tlsclient.Settings{}
	if r := mustRun(t, cfg); r.Connect.TLS != nil || r.Target.TLS != "" {
		t.Errorf("without TLS: got %+v, %+v", r.Connect.TLS, r.Target)
	}
}

// A message of several records, of which the loop reads a part at a time.
func TestLargeMessagesOverTLS(t *testing.T) {
	t.Parallel()
	url, settings := overTLS(t, newRoom(t, nil), nil)
	cfg := testConfig(url + "/ws")
	cfg.Connections, cfg.Rate, cfg.Size, cfg.TLS, cfg.Duration = 5, 20, 200_000, settings, time.Second
	cfg.Drain = 2 * time.Minute // 22 MB of TLS take a busy machine long; the drain ends when everything has arrived
	if r := mustRun(t, cfg); !good(r) || r.Delivery.Got != 5*22 {
		t.Errorf("got %+v, %+v", r.Verdict, r.Delivery)
	}
}

// What every connection would suffer from ends the run before the load, with one text.
func TestFaultsOfCertificatesEndTheRunBeforeTheLoad(t *testing.T) {
	t.Parallel()
	mutual := func(cfg *tls.Config) {
		cfg.ClientCAs, cfg.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	}
	room, first := newRoom(t, nil), regexp.MustCompile(`: \d\d? × the server`) // fewer than 100 of 2,000
	for name, tt := range map[string]struct {
		change func(*tls.Config)
		keep   bool // the authority is trusted
		want   string
	}{
		"unknown authority":           {nil, false, "use --ca FILE"},
		"client certificate required": {mutual, true, "use --cert FILE and --key FILE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, settings := overTLS(t, room, tt.change)
			cfg := testConfig(url + "/ws")
			cfg.Connections, cfg.Dials = 2000, 8
			if cfg.TLS = settings; !tt.keep {
				cfg.TLS.CA = nil
			}
			r, err := Run(t.Context(), cfg, nil)
			if r != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %+v, %v, want %q", r, err, tt.want)
			}
			if strings.Count(err.Error(), "--") != strings.Count(tt.want, "--")+strings.Count(err.Error(), "--insecure") || !first.MatchString(err.Error()) {
				t.Errorf("got %v, want one reason, and an end after the first failures", err)
			}
		})
	}
}

func TestSettingsOfTLSNeedAURLOfTLS(t *testing.T) {
	t.Parallel()
	cfg := testConfig("ws://127.0.0.1:1/ws")
	cfg.TLS.Insecure = true
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "wss://") {
		t.Errorf("got %v", err)
	}
	cfg.URLs = []string{"wss://127.0.0.1:1/ws"}
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
	cfg.TLS.Cert = []byte("x")
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "key: missing") {
		t.Errorf("got %v", err)
	}
}

// The floor has the same load without TLS.
func TestTheFloorHasNoTLS(t *testing.T) {
	t.Parallel()
	cfg := testConfig("wss://127.0.0.1:1/ws")
	cfg.TLS = tlsclient.Settings{Insecure: true, CA: []byte("x")}
	r := &run{cfg: &cfg, layout: layOut(&cfg), result: &result.Result{}}
	floor := r.floorConfig(&Child{URL: "ws://127.0.0.1:2/ws", PID: 1})
	if err := floor.Validate(); err != nil || floor.TLS.Set() || floor.URLs[0] != "ws://127.0.0.1:2/ws" {
		t.Errorf("got %v, %+v", err, floor.TLS)
	}
}
