package brokertest

import "testing"

// Run runs the suite. New returns a Config with an empty storage.
func Run(t *testing.T, New func(t testing.TB) Config) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, New(t))
		})
	}
}

// cases are the promises of package broker, each with its test.
var cases = []struct {
	name string
	run  func(testing.TB, Config)
}{
	{"RecordsComeBackInOrderAndWhole", recordsComeBack},
	{"RecordsSurviveARestart", recordsSurviveARestart},
	{"AReplayEndsWithTheErrorOfItsFunction", replayEnds},
	{"AReplayBesideAppendsHasNoHole", replayBesideAppends},
	{"LogsOfShardsAreIndependent", logsAreIndependent},
	{"TheFirstLogHasTheNumberOfLogs", numberOfLogs},
	{"OfTwoOwnersOneGetsEachNumber", oneOwnerWins},
	{"AnEarlierOwnerIsFenced", earlierOwnerIsFenced},
	{"DoneIsCalledOnceInOrder", doneOnceInOrder},
	{"AppendPanicsOnWrongUse", appendPanics},
	{"AppendsFailAfterAFailure", appendsFailAfterAFailure},
	{"AClosedLogCompletesItsAppends", closedLog},
	{"AnUnknownOutcomeIsFoundOnceOrNot", unknownOutcome},
	{"TrimRemovesTheOldest", trim},
	{"TrimKeepsTheNumbersOverARestart", trimOverARestart},
	{"RevisionsOfATableRise", revisionsRise},
	{"APutWithARevisionComparesIt", putCompares},
	{"OfTwoConditionalPutsOneSucceeds", onePutWins},
	{"AWatchReportsWhatIsAndWhatChanges", watchReports},
	{"KeysEndAfterTheirTime", keysEnd},
	{"TablesSurviveARestart", tablesSurviveARestart},
	{"ANameIsChecked", namesAreChecked},
	{"NothingBlocksWhileTheEngineIsDown", nothingBlocks},
	{"TheEngineComesBackByItself", comesBack},
	{"AFullDiskIsReported", fullDisk},
	{"AClosedEngineReturnsErrClosed", closedEngine},
	{"MessagesArriveInOrder", messagesArrive},
	{"LostMessagesAreReported", lossesAreReported},
}
