package vitals

// Kept is the number of samples that a Ring keeps: 15 minutes.
const Kept = 15 * 60

// Ring has the last Kept samples. The caller guards it.
type Ring struct {
	samples [Kept]Sample
	added   int
}

// Add adds a sample. The oldest one makes place for it.
func (r *Ring) Add(s Sample) {
	r.samples[r.added%Kept] = s
	r.added++
}

// Last returns a copy of the last n samples, or of all if there are fewer, the oldest first.
func (r *Ring) Last(n int) []Sample {
	n = min(n, r.added, Kept)
	last := make([]Sample, 0, n)
	for i := r.added - n; i < r.added; i++ {
		last = append(last, r.samples[i%Kept])
	}
	return last
}
