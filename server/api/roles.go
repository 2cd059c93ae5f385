package api

import "slices"

// Role is the set of methods that an API key allows.
type Role string

// The roles.
const (
	RoleAll         Role = "all"
	RolePublishOnly Role = "publish-only"
	RoleReadOnly    Role = "read-only"
)

// Roles are all roles.
var Roles = []Role{RoleAll, RolePublishOnly, RoleReadOnly}

// methodsOf has the methods of each role but RoleAll. A batch is allowed to every role: the role decides about each of its calls.
var methodsOf = map[Role][]string{
	RolePublishOnly: {"publish", "broadcast", "batch"},
	RoleReadOnly:    {"presence", "presence_stats", "history", "channels", "info", "moderation", "members", "rooms", "timeline", "batch"},
}

// allows reports whether a role allows a method.
func (ro Role) allows(method string) bool {
	return ro == RoleAll || slices.Contains(methodsOf[ro], method)
}
