package logqueue

// Clip returns at most the first 256 bytes of a text of an unknown client, for a log record. slog escapes it.
func Clip(s string) string {
	if len(s) > 256 {
		return s[:256] + "..."
	}
	return s
}
