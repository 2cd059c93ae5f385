package api

// settles are the methods whose change all nodes of a cluster have applied before the call returns. The others that change something execute a command on the
// connections of all nodes, which waits for that as well; publications do not wait.
var settles = map[string]bool{
	"mute": true, "unmute": true, "unban": true, "slow_mode": true, "redact": true, "clear_history": true, "history_remove": true,
	"room_create": true, "room_update": true, "members_add": true, "members_remove": true, "members_role": true,
}
