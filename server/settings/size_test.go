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
		"2GiB":       `"2GiB" is no size: GiB is no unit: the units are B, KiB and MiB (2048MiB)`,
		"1TiB":       "TiB is no unit: the units are B, KiB and MiB (1048576MiB)",
		"64k":        "k is no unit: the units are B, KiB and MiB",
		"64kib":      "kib is no unit",
		"1 MB":       "MB is no unit",
		"lots":       "want a number of bytes, or one such as 64KiB or 1MiB",
		"":           "want a number of bytes",
		"MiB":        "want a number of bytes",
		"-1KiB":      "want a whole number of bytes up to 1 TiB",
		"1.5MiB":     "want a whole number",
		"1048577MiB": "up to 1 TiB",
	} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %d, %v; want an error that says %q", text, got, err, says)
		}
	}
}
