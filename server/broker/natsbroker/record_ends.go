//go:build !nonats

package natsbroker

// recordEnds has the number of the last record of each log at the last look.
type recordEnds map[string]uint64

// appended returns the number of records of a log since the last look, and notes the last one. It returns 0 at the first look.
func (ends *recordEnds) appended(log string, last uint64) uint64 {
	if *ends == nil {
		*ends = recordEnds{}
	}
	before, known := (*ends)[log]
	(*ends)[log] = last
	if !known || last < before {
		return 0
	}
	return last - before
}
