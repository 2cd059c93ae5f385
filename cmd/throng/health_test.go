package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealthAsksTheAdminPort(t *testing.T) {
	t.Parallel()
	sd := serveHere(t, "")
	if got := mustCall(t, "", "health", "--config", sd.config); got != "ready" {
		t.Errorf("got %q", got)
	}
	if got := mustCall(t, "", "health", "--config", sd.config, "--live"); got != "ok" {
		t.Errorf("got %q", got)
	}
	sd.stop()
	if c := call(t, "", "health", "--config", sd.config); c.code() != exitFailed || c.out != "" || !strings.Contains(c.err.Error(), "not reachable: ") {
		t.Errorf("after the end: got %q, %v", c.out, c.err)
	}
}

func TestHealthReportsTheAnswer(t *testing.T) {
	t.Parallel()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write([]byte("\"draining\"\nmore"))
	})
	plain, over := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	t.Cleanup(plain.Close)
	t.Cleanup(over.Close)
	for _, tt := range []struct {
		code      int
		out, says string
		args      []string
	}{
		{exitFailed, "", "503 Service Unavailable: draining", []string{"--admin", plain.URL}},
		{0, "draining\n", "", []string{"--admin", plain.URL, "--live"}},
		{exitFailed, "", "503 Service Unavailable: draining", []string{"--admin", over.URL, "--insecure"}},
		{exitFailed, "", "not reachable: ", []string{"--admin", over.URL}},
		{exitUsage, "", `admin = "off": there is no admin port`, []string{"--config", writeTemp(t, "throng.toml", "admin = \"off\"\n")}},
		{exitUsage, "", `admin = "here": must be`, []string{"--admin", "here"}},
		{exitUsage, "", "are for a server with TLS", []string{"--admin", plain.URL, "--insecure"}},
	} {
		c := call(t, "", append([]string{"health"}, tt.args...)...)
		if c.code() != tt.code || c.out != tt.out || c.err != nil && !strings.Contains(c.err.Error(), tt.says) {
			t.Errorf("%v: got exit %d, %q, %v, want %d, %q and %q", tt.args, c.code(), c.out, c.err, tt.code, tt.out, tt.says)
		}
	}
}

// A node that does not accept publications is degraded, and the line has the reason.
func TestHealthNamesTheReasonOfADegradedServer(t *testing.T) {
	t.Parallel()
	const why = "the durable-1 log has no owner that is alive"
	verbose := `{"status":"degraded","checks":{"accepting":{"ok":true},"cluster":{"ok":false,"detail":"` + why + `"},"durable":{"ok":true,"detail":"in order"}}}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := `"degraded"`
		if r.URL.Query().Has("verbose") {
			answer = verbose
		}
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(server.Close)
	if got := mustCall(t, "", "health", "--admin", server.URL); got != "degraded: "+why {
		t.Errorf("got %q, want the reason", got)
	}
	verbose = `{"status":"ready","checks":{"cluster":{"ok":true}}}`
	if got := mustCall(t, "", "health", "--admin", server.URL); got != "degraded" {
		t.Errorf("got %q of a server that is ready meanwhile", got)
	}
}
