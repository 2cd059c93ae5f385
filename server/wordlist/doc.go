// Package wordlist has the rules for the text of chat messages: listed words, links of newcomers, and repeated messages. Its functions take the
// text and what the caller knows; they have no state, no lock and no clock. Any goroutine may call them.
package wordlist
