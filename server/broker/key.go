package broker

import (
	"fmt"
	"strings"
)

// Limits of tables, in bytes.
const (
	MaxKey   = 128
	MaxValue = 64 << 10
)

// CheckKey returns an error unless key is valid as a key or a name of a table: 1 to MaxKey bytes of a-z, A-Z, 0-9, '-' and '_'. Encode other
// names, for example as base32 of a hash. The set is that of one token of a NATS subject, less the characters of file names.
func CheckKey(key string) error {
	if len(key) == 0 || len(key) > MaxKey {
		return fmt.Errorf("key of %d bytes: allowed are 1 to %d", len(key), MaxKey)
	}
	if i := strings.IndexFunc(key, func(r rune) bool { return !isKeyRune(r) }); i >= 0 {
		return fmt.Errorf("key %q: byte %d is not one of a-z, A-Z, 0-9, '-', '_'", key, i)
	}
	return nil
}

func isKeyRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_'
}

// CheckValue returns an error unless the value of a table has 1 to MaxValue bytes.
func CheckValue(value []byte) error {
	if len(value) == 0 || len(value) > MaxValue {
		return fmt.Errorf("value of %d bytes: allowed are 1 to %d", len(value), MaxValue)
	}
	return nil
}
