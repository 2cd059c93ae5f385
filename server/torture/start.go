//go:build linux

package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// start starts a server on ports chosen by the kernel. stop ends it.
func start(binary string, a attack) (*target, error) {
	dir, err := os.MkdirTemp("", "torture")
	if err != nil {
		return nil, err
	}
	config := strings.ReplaceAll(a.config, "HANGING", hanging())
	if overTLS != "" || a.tls {
		table, err := writeCertificate(dir, cmp.Or(overTLS, "llib"))
		if err != nil {
			return nil, err
		}
		config += table
		a.flags = append(slices.Clone(a.flags), "--tls-listen", "127.0.0.1:0")
	}
	file := filepath.Join(dir, "throng.toml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	t := &target{dir: dir, gone: make(chan struct{})}
	procs := max(1, runtime.NumCPU()/2)
	if a.race {
		procs = runtime.NumCPU()
	}
	if t.cmd, err = command(binary, file, a, procs); err != nil {
		return nil, err
	}
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	t.cmd.Stderr = in
	if err := t.cmd.Start(); err != nil {
		return nil, err
	}
	if !a.log { // otherwise the log would not end with the server
		if err := in.Close(); err != nil {
			return nil, errors.Join(err, t.cmd.Process.Kill())
		}
	}
	if err := pin(t.cmd.Process.Pid, procs); err != nil {
		return nil, errors.Join(err, t.cmd.Process.Kill())
	}
	lines := bufio.NewReader(out)
	if err := t.awaitReady(lines); err != nil {
		return nil, errors.Join(err, t.cmd.Process.Kill(), t.cmd.Wait())
	}
	go func() {
		defer close(t.gone)
		t.cmd.Wait() // the state of the process shows how it ended
	}()
	if a.log {
		t.log = &pipe{out: out, in: in}
		return t, nil
	}
	go func() {
		if _, err := io.Copy(io.Discard, lines); err != nil {
			fmt.Fprintln(os.Stderr, "log of the server:", err)
		}
	}()
	return t, nil
}

// command returns the command of a server with the settings of an attack, on procs processors.
func command(binary, file string, a attack, procs int) (*exec.Cmd, error) {
	args := append([]string{"serve", "--config", file, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--guests", "on"}, a.flags...)
	if help, err := exec.Command(binary, "serve", "--help").Output(); err != nil {
		return nil, err
	} else if bytes.Contains(help, []byte("--rooms=")) { // older servers have no setting and always behave so
		args = append(args, "--rooms", "open")
	}
	if a.files > 0 {
		args = append([]string{"-c", `ulimit -n ` + strconv.Itoa(a.files) + `; exec "$0" "$@"`, binary}, args...)
		binary = "sh"
	}
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), "THRONG_TOKEN_HMAC_SECRET="+tokenSecret, "THRONG_API_KEY="+apiKey, "GOMAXPROCS="+strconv.Itoa(procs))
	if strings.Contains(a.config, "[webhooks]") { // the server rejects the secret without a URL
		cmd.Env = append(cmd.Env, "THRONG_WEBHOOK_SECRET="+webhookSecret)
	}
	return cmd, nil
}

// awaitReady reads the log until the server is ready, and sets the addresses from it.
func (t *target) awaitReady(log *bufio.Reader) error {
	var last []byte
	for {
		line, err := log.ReadBytes('\n')
		if err != nil {
			return fmt.Errorf("the server is not ready: %w; last log line: %s", err, last)
		}
		last = line
		var ready struct {
			Msg, Listen, Admin string
			TLSListen          string `json:"tls_listen"`
		}
		if json.Unmarshal(line, &ready) == nil && ready.Msg == "ready" {
			t.chat, t.tls, t.admin = ready.Listen, ready.TLSListen, ready.Admin
			if overTLS != "" {
				t.chat = tlsScheme + t.tls
			}
			return nil
		}
	}
}
