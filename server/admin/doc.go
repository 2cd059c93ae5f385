// Package admin is the admin port: health, readiness, metrics, connections and profiles. It reads the state of others and changes nothing
// but the connections that an operator closes.
package admin
