package settings

import (
	"strings"
	"testing"
)

func TestSizes(t *testing.T) {
	for text, want := range map[string]Size{"0": 0, "65536": 65536, "64KiB": 65536, "64 KiB": 65536, "1MiB": 1 << 20, "125B": 125, "1048576MiB": 1 << 40} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: got %d, %v; want %d", text, got, err, want)
		}
	}
	for text, says := range map[string]string{
		"2GiB":       `"2GiB" is not a size: unknown unit GiB: must be B, KiB or MiB (2048MiB)`,
		"1TiB":       "unknown unit TiB: must be B, KiB or MiB (1048576MiB)",
		"64k":        "unknown unit k: must be B, KiB or MiB",
		"64kib":      "unknown unit kib",
		"1 MB":       "unknown unit MB",
		"lots":       "must be a number of bytes, or a size such as 64KiB or 1MiB",
		"":           "must be a number of bytes",
		"MiB":        "must be a number of bytes",
		"-1KiB":      "must be a whole number of bytes up to 1 TiB",
		"1.5MiB":     "must be a whole number",
		"1048577MiB": "up to 1 TiB",
	} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %d, %v; want an error that says %q", text, got, err, says)
		}
	}
}
