package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// handleSignals returns a context that the first SIGINT or SIGTERM cancels, which begins the graceful stop. The second signal ends the
// process at once. stopping is called after the first one. SIGHUP calls reload; several of them at once may count as one. SIGPIPE is ignored,
// because a closed reader of the log or of standard output must not end the server. Call stop when the server has stopped.
func handleSignals(stopping, reload func()) (ctx context.Context, stop func()) {
	ctx, stop = context.WithCancel(context.Background())
	signal.Ignore(syscall.SIGPIPE)
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		for range hangups {
			reload()
		}
	}()
	ends := make(chan os.Signal, 2)
	signal.Notify(ends, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ends
		stop()
		go stopping()
		<-ends
		os.Exit(exitFailed) // no log line before it: nothing may delay this
	}()
	return ctx, stop
}
