package main

import (
	"fmt"
	"strconv"
	"strings"
)

// size is a number of bytes: 65536, 64KiB, 1MiB.
type size int

var sizeUnits = []struct {
	suffix string
	bytes  int
}{{"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {"", 1}}

// UnmarshalText is how flags, the environment and the config file are read.
func (s *size) UnmarshalText(text []byte) error {
	for _, unit := range sizeUnits {
		number, ok := strings.CutSuffix(string(text), unit.suffix)
		if !ok {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(number))
		if err != nil || n < 0 || n > (1<<40)/unit.bytes {
			break
		}
		*s = size(n * unit.bytes)
		return nil
	}
	return fmt.Errorf("%q is no size: want a number of bytes, or one such as 64KiB or 1MiB", text)
}

func (s size) String() string {
	for _, unit := range sizeUnits[:2] {
		if int(s) >= unit.bytes && int(s)%unit.bytes == 0 {
			return fmt.Sprintf("%d%s", int(s)/unit.bytes, unit.suffix)
		}
	}
	return strconv.Itoa(int(s))
}
