package record

// LogOf returns the number of the log that has a durable room, of so many logs. The room "" is for the values of users: they are in log 0. The data of
// each cluster depend on it, so the result for a room must never change.
func LogOf(room string, logs int) int {
	if logs <= 1 || room == "" {
		return 0
	}
	h := uint64(14695981039346656037) // FNV-1a
	for i := range len(room) {
		h = (h ^ uint64(room[i])) * 1099511628211
	}
	// FNV changes the upper bits little with the last bytes: mix them (the finalizer of MurmurHash3).
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return int((h ^ h>>33) % uint64(logs))
}
