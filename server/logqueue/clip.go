package logqueue

// Clip bounds what strangers can put into a log line; slog escapes it.
func Clip(s string) string {
	if len(s) > 256 {
		return s[:256] + "..."
	}
	return s
}
