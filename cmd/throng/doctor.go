package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/throng-chat/throng/bench/agent"
	"github.com/throng-chat/throng/bench/doctor"
	"github.com/throng-chat/throng/bench/tlsclient"
)

// exitWillStop is the exit code of doctor if a limit of this machine is too low.
const exitWillStop = 4

// doctorCmd is the command throng doctor.
type doctorCmd struct {
	Connections int  `required:"" help:"Number of connections that the machine must hold."`
	JSON        bool `name:"json" help:"Print the report as JSON, instead of text."`

	URL string `name:"url" placeholder:"wss://HOST:PORT" help:"Also connect to this server and check its TLS and its certificate."`
	tlsFlags
}

// Run checks the machine and prints the report.
func (dr *doctorCmd) Run() error {
	const most = 100_000_000
	if dr.Connections < 1 || dr.Connections > most {
		return &exitError{code: exitUsage, err: fmt.Errorf("connections = %d: must be 1 to %d", dr.Connections, most)}
	}
	target, client, err := dr.target()
	if err != nil {
		return &exitError{code: exitUsage, err: err}
	}
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return fmt.Errorf("read the open-file limit: %w", err)
	}
	r := doctor.Examine(&doctor.Machine{Files: os.DirFS("/"), OpenFiles: uint64(files.Max), Cores: runtime.NumCPU()}, dr.Connections)
	if client != nil {
		ctx, stop := interruptible()
		defer stop()
		ctx, cancel := context.WithTimeout(ctx, visitTime)
		defer cancel()
		at, err := agent.Resolve(ctx, target)
		if err != nil {
			return err
		}
		r.Visit(ctx, dr.URL, at.Address.String(), client)
	}
	err = dr.write(r)
	switch {
	case err != nil || r.OK:
		return err
	case r.Server != nil && r.Server.Grade == doctor.Stop:
		return &exitError{code: exitWillStop, err: errors.New("the bench cannot connect to the server: see the reason above")}
	}
	return &exitError{code: exitWillStop, err: errors.New("this machine cannot hold the connections: apply the fixes above")}
}

// examine returns the report about this machine as a running server has it, for its live page.
func examine(connections int) any {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return map[string]string{"error": fmt.Sprintf("read the open-file limit: %v", err)}
	}
	return doctor.Examine(&doctor.Machine{Files: os.DirFS("/"), OpenFiles: uint64(files.Max), Cores: runtime.NumCPU()}, connections)
}

// visitTime is the time for the check of a server: a DNS lookup, a handshake and a request.
const visitTime = 10 * time.Second

// target returns the server to check and the client's side of its TLS, or nil if there is none.
func (dr *doctorCmd) target() (*url.URL, *tlsclient.Client, error) {
	settings, err := dr.settings()
	if err != nil {
		return nil, nil, err
	}
	if dr.URL == "" {
		if settings.Set() {
			return nil, nil, errors.New("ca, cert, key, server-name and insecure: are for --url")
		}
		return nil, nil, nil
	}
	u, err := agent.ParseURL(dr.URL, &agent.Protocols[0])
	if err != nil {
		return nil, nil, err
	}
	if !agent.Secure(u) {
		return nil, nil, fmt.Errorf("url %s: must be wss://host:port: without TLS there is nothing to check", dr.URL)
	}
	client, err := tlsclient.New(settings, u.Hostname())
	return u, client, err
}

func (dr *doctorCmd) write(r *doctor.Report) error {
	if !dr.JSON {
		return r.WriteText(os.Stdout, term.IsTerminal(int(os.Stdout.Fd())))
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(r)
}
