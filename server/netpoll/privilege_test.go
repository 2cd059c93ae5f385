package netpoll

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// The advice is for the error that it helps with.
func TestAMissingPrivilegeIsNamed(t *testing.T) {
	denied := fmt.Errorf("bind: %w", syscall.EACCES)
	if err := WithPrivilege(denied); !errors.Is(err, syscall.EACCES) || !strings.Contains(err.Error(), "CAP_NET_BIND_SERVICE") {
		t.Errorf("got %v", err)
	}
	for _, other := range []error{nil, syscall.EADDRINUSE, syscall.EADDRNOTAVAIL} {
		if err := WithPrivilege(other); err != other {
			t.Errorf("got %v, want %v", err, other)
		}
	}
}
