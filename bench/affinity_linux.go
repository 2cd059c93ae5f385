package bench

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// sameProcessors moves all threads of the process pid to the processors that the process as may use.
func sameProcessors(pid, as int) error {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(as, &set); err != nil {
		return fmt.Errorf("processors of pid %d: %w", as, err)
	}
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return err
	}
	for _, task := range tasks {
		id, err := strconv.Atoi(task.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(id, &set); err != nil {
			return fmt.Errorf("processors of pid %d: %w", pid, err)
		}
	}
	return nil
}
