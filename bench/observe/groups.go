package observe

import (
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// ControlGroups returns the directories of the control groups whose limits apply to a process: its own group and all groups above it that
// are mounted here. groups is the text of its /proc/PID/cgroup, mounts the text of a mountinfo. controller is cpu, memory or pids.
func ControlGroups(groups, mounts, controller string) (dirs []string) {
	var kind, group string
	for line := range strings.Lines(groups) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3) // hierarchy, controllers, path
		switch {
		case len(f) < 3:
		case slices.Contains(strings.Split(f[1], ","), controller):
			kind, group = "cgroup", f[2] // a controller of version 1 is not in version 2
		case f[0] == "0" && kind == "":
			kind, group = "cgroup2", f[2]
		}
	}
	if !strings.HasPrefix(group, "/") || strings.HasPrefix(group, "/..") {
		return nil // outside of the mounted part
	}
	for line := range strings.Lines(mounts) {
		// The fields: ID, parent, device, root, mount point, options, -, type, source, options.
		mount, system, _ := strings.Cut(line, " - ")
		m, s := strings.Fields(mount), strings.Fields(system)
		if len(m) < 5 || len(s) < 3 || s[0] != kind || kind == "cgroup" && !slices.Contains(strings.Split(s[2], ","), controller) {
			continue
		}
		below, err := filepath.Rel(m[3], group)
		if err != nil || !filepath.IsLocal(below) {
			continue
		}
		for ; below != "."; below = path.Dir(below) {
			dirs = append(dirs, filepath.Join(m[4], below))
		}
		return append(dirs, m[4])
	}
	return nil
}
