package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// handleSignals returns a context that the first SIGINT or SIGTERM ends, which begins the drain. The second ends the process at
// once. SIGHUP is ignored, with a log line. So is SIGPIPE: a reader of the log, or of the standard output, that has gone must
// not end the server. Call stop when the server has stopped. log must not block.
func handleSignals(log *slog.Logger) (ctx context.Context, stop func()) {
	ctx, stop = context.WithCancel(context.Background())
	signal.Ignore(syscall.SIGPIPE)
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		for range hangups {
			log.Warn("SIGHUP ignored: throng cannot reload its settings yet; restart it to apply them")
		}
	}()
	ends := make(chan os.Signal, 2)
	signal.Notify(ends, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ends
		stop()
		<-ends
		os.Exit(exitFailed) // no log line before it: nothing may delay this
	}()
	return ctx, stop
}
