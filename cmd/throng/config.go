package main

// configCmd is the commands for the config file.
type configCmd struct {
	Init configInitCmd `cmd:"" help:"Write a config file with new keys, in which each setting has a comment."`
	Show configShowCmd `cmd:"" help:"Print the settings in effect, and where each of them is from. Secrets are hidden."`
}
