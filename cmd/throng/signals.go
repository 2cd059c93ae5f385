package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// handleSignals returns a context that the first SIGINT or SIGTERM cancels, which begins the graceful stop. The second signal ends the
// process at once. SIGHUP calls reload;
// if that returns false, SIGHUP is logged and ignored. SIGPIPE is ignored, because a closed reader of the log or of standard output must not end
// the server. Call stop when the server has stopped. log and reload must not block.
func handleSignals(log *slog.Logger, reload func() bool) (ctx context.Context, stop func()) {
	ctx, stop = context.WithCancel(context.Background())
	signal.Ignore(syscall.SIGPIPE)
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		for range hangups {
			if !reload() {
				log.Warn("SIGHUP ignored: throng cannot reload its settings: restart it to apply them")
			}
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
