package audit

// Action is what was done. A method of the server API is an action with its name.
type Action string

// The actions that are not methods of the server API.
const (
	Started         Action = "start"
	Stopped         Action = "stop"
	Reload          Action = "reload"
	CloseConnection Action = "close_connection" // by an operator
	Drain           Action = "drain"            // by an operator
	Export          Action = "export"           // by an operator
	Dropped         Action = "dropped"          // records are missing before this one
)

// Fields are the names of the fields of a line, in the order in which they are written. Each line has time, action, actor_type and result.
var Fields = []string{
	"time", "action", "actor_type", "actor", "address", "user", "room", "client", "connection",
	"rooms", "rooms_total", "users", "users_total", "owner", "role", "seconds", "until", "offset", "epoch", "token", "code", "reason", "settings", "needs_restart", "version", "dropped",
	"result", "error",
}
