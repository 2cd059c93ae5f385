package doctor

import (
	"fmt"

	"github.com/throng-chat/throng/bench/result"
)

func thousands(n uint64) string {
	if n > 1<<60 {
		return "unlimited"
	}
	return result.Thousands(n)
}

func amount(n uint64) string {
	if n >= 1<<30 {
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	}
	return result.Bytes(float64(n))
}
