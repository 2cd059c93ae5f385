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

// UnmarshalText reads a flag, an environment variable or a value of the config file.
func (size *Size) UnmarshalText(text []byte) error {
	unit := strings.TrimLeftFunc(string(text), func(r rune) bool { return !unicode.IsLetter(r) })
	number := strings.TrimSpace(strings.TrimSuffix(string(text), unit))
	i := slices.IndexFunc(sizeUnits, func(u sizeUnit) bool { return u.suffix == unit })
	if i < 0 && number != "" {
		return fmt.Errorf("%q is no size: %s is no unit: the units are B, KiB and MiB%s", text, unit, inMiB(number, unit))
	}
	if i < 0 || number == "" {
		return fmt.Errorf("%q is no size: want a number of bytes, or one such as 64KiB or 1MiB", text)
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n > (1<<40)/sizeUnits[i].bytes {
		return fmt.Errorf("%q is no size: want a whole number of bytes up to 1 TiB, or one such as 64KiB or 1MiB", text)
	}
	*size = Size(n * sizeUnits[i].bytes)
	return nil
}

// inMiB says how a size in larger units is written, as the end of an error.
func inMiB(number, unit string) string {
	n, err := strconv.Atoi(number)
	factor := map[string]int{"GiB": 1 << 10, "TiB": 1 << 20}[unit]
	if err != nil || factor == 0 || n < 0 || n > 1<<20 {
		return ""
	}
	return fmt.Sprintf(" (%dMiB)", n*factor)
}

func (size Size) String() string {
	for _, unit := range sizeUnits[:2] {
		if int(size) >= unit.bytes && int(size)%unit.bytes == 0 {
			return fmt.Sprintf("%d%s", int(size)/unit.bytes, unit.suffix)
		}
	}
	return strconv.Itoa(int(size))
}
