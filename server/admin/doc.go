// Package admin is the admin port: health, readiness, metrics, connections and profiles. It reads the state of other packages. It changes
// only the connections that an operator closes.
package admin
