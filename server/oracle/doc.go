// Package oracle decides whether a run of a server with durable rooms kept its promises. Its inputs are JSON lines of the run: the stored log,
// the acknowledgements that publishers received, and what each subscriber received. It knows nothing of the server. The program judge
// reads the files.
//
//	throng data export DIR --> Log   --+
//	publishers             --> Acks  --+--> Oracle --> Verdict: the number of each kind of finding, with examples
//	subscribers            --> Heard --+
//
// A publication of the run has an identity: the name of its publisher, and a number that rises with each publication of that publisher. Its data
// is {"publisher":NAME,"number":N}, and may have more members. A publisher sends its next publication in a room only after the last one
// in that room is acknowledged or given up; a publication that was given up is not sent again with the same number.
//
//	| finding  | promise that is broken                                                                                  |
//	|----------|---------------------------------------------------------------------------------------------------------|
//	| lost     | an acknowledged publication is stored                                                                   |
//	| moved    | it is stored at the position of its acknowledgement                                                     |
//	| foreign  | it is stored in the room of its acknowledgement; a subscriber receives publications of its room only    |
//	| gap      | the offsets of a room and generation begin at 1, or after a cleared history, and have no gap            |
//	| reused   | an offset of a room and generation belongs to one publication                                           |
//	| twice    | a publication is stored once                                                                            |
//	| order    | publications of one publisher in one room are stored in the order of their numbers                      |
//	| unstored | a subscriber receives what is stored                                                                    |
//	| differs  | a subscriber receives at an offset the publication that is stored there                                 |
//	| missed   | a subscriber that is not told recovered: false receives each publication after its position             |
//	| repeated | a subscriber receives a publication once                                                                |
//
// Read the log first, then acknowledgements, then what the subscribers received. Memory is about 100 bytes for each stored publication, and
// nothing for each other line. An Oracle belongs to one goroutine.
package oracle
