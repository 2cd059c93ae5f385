package bench

// seriesUntil returns the deliveries of each tick up to end, and their median latency in nanoseconds.
func (r *run) seriesUntil(end int64) (deliveries, latency []float64) {
	last := r.collect.at(r.collect.start)
	for _, row := range r.collect.rows {
		if row.n > end {
			break
		}
		deliveries = append(deliveries, float64(row.count.Deliveries-last.count.Deliveries))
		p50 := float64(row.p50)
		if p50 == 0 && len(latency) > 0 {
			p50 = latency[len(latency)-1] // no delivery
		}
		latency = append(latency, p50)
		last = row
	}
	return deliveries, latency
}
