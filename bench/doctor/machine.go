package doctor

import (
	"io/fs"
	"strconv"
	"strings"

	"github.com/throng-chat/throng/bench/observe"
)

// Machine is what is looked at.
type Machine struct {
	Files     fs.FS  // from the root: proc and sys
	OpenFiles uint64 // that one process may have open: the hard limit, which throng takes by itself
	Cores     int    // that this process may use
}

// number reads a file's first number. It is false where that is not to be had.
func (m *Machine) number(file string) (uint64, bool) {
	all := m.numbers(file)
	if len(all) == 0 {
		return 0, false
	}
	return all[0], true
}

// numbers reads a file of numbers; none where one is something else.
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

// groups are the directories of the control groups that hold this process, below the root.
func (m *Machine) groups(controller string) (dirs []string) {
	groups, _ := m.text("proc/self/cgroup")
	mounts, _ := m.text("proc/self/mountinfo")
	for _, dir := range observe.ControlGroups(groups+"\n", mounts+"\n", controller) {
		dirs = append(dirs, strings.TrimPrefix(dir, "/"))
	}
	return dirs
}
