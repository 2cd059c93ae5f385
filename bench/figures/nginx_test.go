package main

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"slices"
	"testing"
)

// The usage of the row is that of throng, of nginx and of the worker of nginx.
func TestNginxServesTLSInFrontOfThrong(t *testing.T) {
	if _, err := findNginx(); err != nil {
		t.Skip(err)
	}
	l, err := net.Listen("tcp", upstream)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.WriteString(w, q.Header.Get("X-Forwarded-For")+" "+q.Host+" "+q.Header.Get("Upgrade"))
	})}
	go func() { _ = srv.Serve(l) }()
	defer srv.Close()
	if err := makeCertificate(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	cmd, err := startNginx()
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	defer func() {
		if !stopped {
			_ = stopProcess("nginx", cmd)
		}
	}()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Upgrade", "websocket")
	r, err := client.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if got, want := string(body), "127.0.0.1 "+address+" websocket"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	s := &server{cmd: cmd, proxy: cmd}
	workers := childrenOf(cmd.Process.Pid)
	if pids := s.pids(); len(workers) != 1 || !slices.Equal(pids, []int{cmd.Process.Pid, cmd.Process.Pid, workers[0]}) {
		t.Errorf("got the processes %v, and %v of nginx", pids, workers)
	}
	_ = stopProcess("nginx", cmd)
	stopped = true
	if listens(address) {
		t.Error("nginx listens after its stop")
	}
}
