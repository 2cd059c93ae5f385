package vitals

import "math"

// Buckets are the counts of a histogram. Count i has the values up to Bounds[i], above the bound before it; the last count has those above all
// bounds.
type Buckets struct {
	Bounds []float64 // ascending
	Counts []uint64
}

// Since returns the counts that were added after before, which may be empty.
func (b Buckets) Since(before Buckets) Buckets {
	added := Buckets{b.Bounds, make([]uint64, len(b.Counts))}
	for i, n := range b.Counts {
		added.Counts[i] = n
		if i < len(before.Counts) {
			added.Counts[i] -= before.Counts[i]
		}
	}
	return added
}

// Total returns the number of values.
func (b Buckets) Total() (n uint64) {
	for _, count := range b.Counts {
		n += count
	}
	return n
}

// Quantile returns the value below which the part q of the values is, 0 to 1. Within a bucket it assumes equal distances. Without values it is 0.
// Of values above all bounds it returns the last bound.
func (b Buckets) Quantile(q float64) float64 {
	rank := max(math.Ceil(q*float64(b.Total())), 1)
	seen, low := 0.0, 0.0
	for i, count := range b.Counts {
		if i == len(b.Bounds) {
			break
		}
		if n := float64(count); n > 0 && seen+n >= rank {
			return low + (b.Bounds[i]-low)*(rank-seen)/n
		}
		seen += float64(count)
		low = b.Bounds[i]
	}
	if b.Total() == 0 {
		return 0
	}
	return low
}

// Max returns the bound of the highest bucket with a value; 0 without values.
func (b Buckets) Max() float64 {
	for i := len(b.Counts) - 1; i >= 0; i-- {
		if b.Counts[i] > 0 {
			return b.Bounds[min(i, len(b.Bounds)-1)]
		}
	}
	return 0
}

// Small returns the counts in 32 bits, nil if all are 0.
func (b Buckets) Small() []uint32 { return Small(b.Counts) }

// Small returns counts in 32 bits, nil if all are 0. A larger count becomes the largest of 32 bits.
func Small(counts []uint64) []uint32 {
	var small []uint32
	for i, n := range counts {
		if n > 0 && small == nil {
			small = make([]uint32, len(counts))
		}
		if n > 0 {
			small[i] = uint32(min(n, math.MaxUint32))
		}
	}
	return small
}
