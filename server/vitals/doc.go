// Package vitals has what a server did in each of the last 15 minutes' seconds, as numbers, and decides which word describes its state now.
// It knows no other package of throng, and has no lock and no clock.
package vitals
