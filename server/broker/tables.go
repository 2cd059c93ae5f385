package broker

import "context"

// Names of the tables of a server.
const (
	SanctionTable = "sanctions" // bans, mutes, slow mode and revocations
	KeyTable      = "keys"      // of guest tokens and of Web Push
)

// Entries calls f for each key of a table with a value. value is lent for the call.
func Entries(ctx context.Context, table Table, f func(key string, value []byte, revision uint64)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	whole := false
	err := table.Watch(ctx, func(key string, value []byte, revision uint64, current bool) {
		switch {
		case current:
			whole = true
			cancel()
		case value != nil:
			f(key, value, revision)
		}
	})
	if whole {
		return nil
	}
	return err
}
