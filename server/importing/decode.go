package importing

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// each decodes a list one element at a time.
func each[T any](list json.RawMessage, do func(*T) error) error {
	if len(list) == 0 || list[0] == 'n' {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(list))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return fmt.Errorf("must be a list")
	}
	for d.More() {
		var element T
		if err := d.Decode(&element); err != nil {
			return err
		}
		if err := do(&element); err != nil {
			return err
		}
	}
	return nil
}

// milli returns a time in microseconds.
func milli(ms int64) int64 {
	if ms <= 0 || ms > maxMicro/1000 {
		return 0
	}
	return ms * 1000
}

// firstOf returns the first text that is not empty.
func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
