package settings

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Size is a number of bytes: 65536, 64KiB, 1MiB.
type Size int

type sizeUnit struct {
	suffix string
	bytes  int
}

var sizeUnits = []sizeUnit{{suffix: "MiB", bytes: 1 << 20}, {suffix: "KiB", bytes: 1 << 10}, {suffix: "B", bytes: 1}, {bytes: 1}}

// UnmarshalText reads the value of a flag, an environment variable or a key of the config file: 0 bytes to 1 TiB.
func (size *Size) UnmarshalText(text []byte) error {
	unit := strings.TrimLeftFunc(string(text), func(r rune) bool { return !unicode.IsLetter(r) })
	number := strings.TrimSpace(strings.TrimSuffix(string(text), unit))
	i := slices.IndexFunc(sizeUnits, func(u sizeUnit) bool { return u.suffix == unit })
	if i < 0 && number != "" {
		return fmt.Errorf("%q is not a size: unknown unit %s: must be B, KiB or MiB%s", text, unit, inMiB(number, unit))
	}
	if i < 0 || number == "" {
		return fmt.Errorf("%q is not a size: must be a number of bytes, or a size such as 64KiB or 1MiB", text)
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n > (1<<40)/sizeUnits[i].bytes {
		return fmt.Errorf("%q is not a size: must be a whole number of bytes up to 1 TiB, or a size such as 64KiB or 1MiB", text)
	}
	*size = Size(n * sizeUnits[i].bytes)
	return nil
}

// inMiB returns a size in GiB or TiB as a size in MiB, for the end of an error; else "".
func inMiB(number, unit string) string {
	n, err := strconv.Atoi(number)
	factor := map[string]int{"GiB": 1 << 10, "TiB": 1 << 20}[unit]
	if err != nil || factor == 0 || n < 0 || n > 1<<20 {
		return ""
	}
	return fmt.Sprintf(" (%dMiB)", n*factor)
}

// String returns the size with the largest unit that divides it: 64KiB.
func (size Size) String() string {
	for _, unit := range sizeUnits[:2] {
		if int(size) >= unit.bytes && int(size)%unit.bytes == 0 {
			return fmt.Sprintf("%d%s", int(size)/unit.bytes, unit.suffix)
		}
	}
	return strconv.Itoa(int(size))
}
