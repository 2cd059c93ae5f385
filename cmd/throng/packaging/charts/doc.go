// Package charts tests the Helm chart and the compose file: Helm renders, Kubernetes' types parse, and throng checks the settings in them.
package charts
