package main

import (
	"log/slog"

	"github.com/throng-chat/throng/server"
)

// serverSettings is the flag for the settings of a server, for commands beside throng serve.
type serverSettings struct {
	Config string `type:"path" placeholder:"FILE" help:"Config file of the server. By default that of throng serve, with its environment variables."`
}

// load returns the settings that throng serve would have now: those of the config file and of the environment. An invalid setting is an error.
func (ss *serverSettings) load() (server.Config, *sources, error) {
	args := []string{"serve"}
	if ss.Config != "" {
		args = append(args, "--config="+ss.Config)
	}
	sv, err := parseServe(args)
	if err != nil {
		return server.Config{}, nil, &exitError{code: exitUsage, err: err}
	}
	cfg, err := sv.config(slog.New(slog.DiscardHandler))
	if err != nil {
		return server.Config{}, nil, &exitError{code: exitUsage, err: err}
	}
	return cfg, sv.sources, nil
}
