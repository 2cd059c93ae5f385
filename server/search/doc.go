// Package search finds messages by their text. It knows no rooms: a Source gives the messages of one, the newest first, a few at a time. So a
// caller locks a room only while it copies references to the texts. It has no lock and no clock.
//
//	New (terms, folded) --> Run: merge the sources by time --> Matcher.Match: fold, compare --> take: the caller makes the result
//
// Texts are folded when they are searched, and not when they are published: that costs about 1 ns a byte, and no memory.
package search
