// Package brokertest tests engines and their users.
//
//	Fake   an engine in memory. Its records survive a restart of a node. Faults come from a seed.
//	Run    the suite that each engine passes
//
// A model test does the steps of a Fake itself, so it needs no goroutine, no clock and no wait, and a seed gives the same run again:
//
//	fake := brokertest.New(brokertest.Options{Seed: seed, Faults: brokertest.Faults{LoseAck: 0.01}})
//	node := fake.Start("a")
//	...                // appends records
//	fake.Step()        // one commit, one call of done, or one message
//	fake.Kill(node)    // kill -9: of the open appends each is stored or not, no done is called
//	node = fake.Start("a")
package brokertest
