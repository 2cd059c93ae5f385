package doctor

import (
	"io/fs"
	"strconv"
	"strings"

	"github.com/throng-chat/throng/bench/observe"
)

// Machine is the machine to check.
type Machine struct {
	Files     fs.FS  // the root file system; only proc and sys are used
	OpenFiles uint64 // hard limit of open files per process; throng raises its soft limit to it
	Cores     int    // cores that this process may use
}

// number returns the first number of a file. It returns false if the file cannot be read.
func (m *Machine) number(file string) (uint64, bool) {
	all := m.numbers(file)
	if len(all) == 0 {
		return 0, false
	}
	return all[0], true
}

// numbers returns the numbers of a file, or nil if it contains anything else.
func (m *Machine) numbers(file string) (all []uint64) {
	text, ok := m.text(file)
	if !ok {
		return nil
	}
	for _, word := range strings.Fields(text) {
		n, err := strconv.ParseUint(word, 10, 64)
		if err != nil {
			return nil
		}
		all = append(all, n)
	}
	return all
}

func (m *Machine) text(file string) (string, bool) {
	text, err := fs.ReadFile(m.Files, file)
	return strings.TrimSpace(string(text)), err == nil
}

// groups returns the directories of the control groups that contain this process, below the root.
func (m *Machine) groups(controller string) (dirs []string) {
	groups, _ := m.text("proc/self/cgroup")
	mounts, _ := m.text("proc/self/mountinfo")
	for _, dir := range observe.ControlGroups(groups+"\n", mounts+"\n", controller) {
		dirs = append(dirs, strings.TrimPrefix(dir, "/"))
	}
	return dirs
}
