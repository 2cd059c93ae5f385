// Package importing converts the export of another chat server into the lines that throng data import reads (docs/data.md): messages, replies,
// edits, reactions and pins of chat rooms, by the data format of docs/chat.md.
//
//	Mattermost: JSON lines, or a ZIP archive with them --> converter --> sorter --> lines, in the order of time
//	Slack:      ZIP archive or directory               -->
//
// An export is not in the order of time: Mattermost writes posts by their random IDs, and reactions have times of their own. The sorter
// therefore writes sorted runs to a temporary file and merges them. Offsets are numbers of the merged order.
//
// An export is the input of a stranger. Nothing of it is written to the file system by its name. Memory is bounded by the constants of limits.go:
// one line or one element of a list, one run of the sorter, and the names of users, rooms and threads. An export beyond a limit ends with an
// error before anything is stored. What has no counterpart in throng is skipped, and the report counts it with its reason.
//
// The functions block, and end with the error of their context. The package has no goroutine.
package importing
