package server

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/throng-chat/throng/server/grpcapi"
	"github.com/throng-chat/throng/server/tracing"
	"github.com/throng-chat/throng/server/webhook"
	"github.com/throng-chat/throng/server/webpush"
)

const (
	reservedFiles = 100     // open files for purposes other than connections
	maxOpenFiles  = 1 << 20 // nbio allocates a pointer for each possible descriptor
)

// CheckFiles returns an error if the open-file limit of this process is too low for the configured connections.
func (c Config) CheckFiles() error {
	_, _, err := c.openFiles()
	return err
}

// openFiles returns the open-file limit, and the number of connections that it allows.
func (c Config) openFiles() (files, most int, err error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, 0, fmt.Errorf("read the open-file limit: %w", err)
	}
	files = int(min(limit.Cur, maxOpenFiles))
	reserved := reservedFiles
	if c.Webhooks.URL != "" {
		reserved += webhook.MaxFiles
	}
	if c.GRPCListen != "off" {
		reserved += grpcapi.MaxConnections
	}
	if c.WebPush.Subject != "" {
		reserved += webpush.MaxFiles
	}
	if c.Tracing.Endpoint != "" {
		reserved += tracing.MaxFiles
	}
	reserved += c.consumerFiles()
	most = files - reserved
	switch {
	case most < 1:
		return 0, 0, fmt.Errorf("the open-file limit is %d: must be at least %d: raise ulimit -n or LimitNOFILE", files, reserved+1)
	case c.MaxConnections > most:
		return 0, 0, fmt.Errorf("max-connections = %d needs %d open files, and the limit is %d: raise ulimit -n or LimitNOFILE, or lower --max-connections",
			c.MaxConnections, c.MaxConnections+reserved, files)
	}
	return files, most, nil
}
