package broker

import (
	"strings"
	"testing"
)

func TestKeysAreOneTokenOfLettersAndDigits(t *testing.T) {
	t.Parallel()
	for key, valid := range map[string]bool{
		"": false, "a": true, "Ban_3-x": true, strings.Repeat("k", MaxKey): true, strings.Repeat("k", MaxKey+1): false,
		"a.b": false, "a*": false, ">": false, "a b": false, "a/b": false, "é": false, "a\x00": false, "$KV": false,
	} {
		if err := CheckKey(key); (err == nil) != valid {
			t.Errorf("CheckKey(%q): %v, want valid = %t", key, err, valid)
		}
	}
}

func TestValuesHaveLimits(t *testing.T) {
	t.Parallel()
	for size, valid := range map[int]bool{0: false, 1: true, MaxValue: true, MaxValue + 1: false} {
		if err := CheckValue(make([]byte, size)); (err == nil) != valid {
			t.Errorf("CheckValue of %d bytes: %v, want valid = %t", size, err, valid)
		}
	}
}
