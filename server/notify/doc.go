// Package notify decides which users are notified of messages, and when: members of a chat room that are not connected, or have not read for
// a while. It knows no connection and no log.
//
//	room, under its lock: Batch.Add (batch.go)  -->  Notifier (notifier.go), once per second:
//	    rooms with new messages --> their members that are not connected --> Waiting (waiting.go): one entry per user and room
//	    users whose 5 s are over --> Preferences (preferences.go), unread, mentions --> Notification (notification.go) --> Sink
//
// The room pays for its mentions only. The notifier looks up members on a goroutine of its own, at most once per second and room, and it uses at
// most a twentieth of one processor: after a long pass it waits longer.
//
// Waiting, Batch and Preferences are pure: their caller passes the time. Waiting notifications are in memory. A graceful stop sends them; a crash
// loses them, and the unread counts of the next notification include their messages.
package notify
