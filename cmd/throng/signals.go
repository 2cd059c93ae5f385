package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// surviveSignals is called first: SIGHUP does not end a server that is still starting, and waits in hangups. SIGPIPE is ignored, because a closed
// reader of the log or of standard output must not end the server.
func surviveSignals() (hangups <-chan os.Signal) {
	signal.Ignore(syscall.SIGPIPE)
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c
}

// handleSignals returns a context that the first SIGINT or SIGTERM cancels, which begins the graceful stop. The second signal ends the
// process at once. stopping is called after the first one. A signal in hangups calls reload; several of them at once may count as one. Call
// stop when the server has stopped.
func handleSignals(hangups <-chan os.Signal, stopping, reload func()) (ctx context.Context, stop func()) {
	ctx, stop = context.WithCancel(context.Background())
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
