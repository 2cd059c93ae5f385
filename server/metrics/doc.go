// Package metrics registers the Prometheus collectors that the other packages count with. It knows nothing of them. Gauges that are read
// from the state of a package are registered by the owner of that state.
package metrics
