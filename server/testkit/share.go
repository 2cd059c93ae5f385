package testkit

// Share returns n, or a tenth of it under the race detector, 1 at least. The detector makes a model ten times as slow: a tenth of the seeds or
// steps of a model shows the races, and a run without the detector has all of them.
func Share(n int) int {
	if race {
		return max(1, n/10)
	}
	return n
}
