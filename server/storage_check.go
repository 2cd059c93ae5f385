package server

import (
	"errors"

	"github.com/throng-chat/throng/server/audit"
	"github.com/throng-chat/throng/server/broker/natsbroker"
)

// CheckStorage tests whether this process can use the audit log, the data directory and the secret of the cluster. It returns all failures,
// joined: each error is a *ConfigError. The config must be valid. It creates, changes and locks nothing. A data directory in use is not an
// error, because the running server may be the one to be replaced.
func (c Config) CheckStorage() error {
	var ce configErrors
	if err := audit.Check(c.AuditLog); err != nil {
		ce.add("audit-log", c.AuditLog, "%v", err)
	}
	if x := c.external(); x != nil && c.Engine == nil {
		c.addNATS(&ce, natsbroker.Check(natsbroker.Options{Cluster: c.Cluster, External: x}))
	}
	dir := c.dataDir()
	if dir == "" || c.Engine != nil {
		return errors.Join(ce.errs...)
	}
	if c.Cluster != "" {
		if _, err := c.clusterSecret(); err != nil {
			ce.add("cluster-secret-file", c.ClusterSecretFile, "%v", err)
		}
	}
	if err := natsbroker.Check(natsbroker.Options{Dir: dir, Cluster: c.Cluster}); err != nil {
		ce.add("data", c.Data, "%v", err)
	}
	return errors.Join(ce.errs...)
}
