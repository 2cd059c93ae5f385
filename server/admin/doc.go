// Package admin is the admin port: health, readiness, metrics, connections, profiles, documentation and the live page. It reads the state of
// other packages. What operators change, it changes by the server API.
package admin
