package server

import (
	"os"
	"path/filepath"
	"strings"
)

// dataDir returns the path of the data directory; "" for none, also if servers of NATS store the data.
func (c *Config) dataDir() string {
	if len(c.NATS) > 0 {
		return ""
	}
	switch c.Data {
	case "off":
		return ""
	case "auto":
		// systemd lists the directories of StateDirectory. The cache of ACME may be in the same one.
		first, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":")
		if first == "" {
			return ""
		}
		return filepath.Join(first, "data")
	}
	return c.Data
}

// storesData reports whether the server has a storage engine.
func (c *Config) storesData() bool { return c.Engine != nil || len(c.NATS) > 0 || c.dataDir() != "" }
