// Package metrics registers the Prometheus collectors in which the other packages count. It does not depend on them. The owner of a state
// registers the gauges that read it.
package metrics
