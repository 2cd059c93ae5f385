// Package record encodes the records of the log of durable rooms. A record is a header and entries: the publications, redactions and other
// changes of rooms that one append stores. The package has no socket, no clock, no file and no goroutine.
//
//	Writer.Add, Add, ... --> Writer.Seal --> the log --> Open --> Reader.Next, Next, ...
//
// # Bytes of a record
//
// A record has at most [MaxRecord] bytes. A uvarint is an unsigned LEB128 number of 1 to 10 bytes, and a varint is a zigzag number, both as in
// encoding/binary. The reader accepts only the shortest encoding of a number, so each record has exactly one encoding.
//
//	| bytes   | field    | contents                                                                          |
//	|---------|----------|-----------------------------------------------------------------------------------|
//	| 1       | version  | 2 if the record has a value, else 1                                               |
//	| 4       | checksum | CRC32C (Castagnoli) of the version byte and all bytes after the checksum,         |
//	|         |          | little-endian                                                                     |
//	| uvarint | term     | number of the fence after which the writer appends                                |
//	| uvarint | expected | sequence number of the record before this one in the log; 0 for the first         |
//	|         | entries  | one after the other, up to the end of the record                                  |
//
// # Bytes of an entry
//
//	| bytes   | field       | present if   | contents                                                                  |
//	|---------|-------------|--------------|---------------------------------------------------------------------------|
//	| 1       | kind        | always       | 1 publish, 2 redact, 3 clear, 4 generation, 5 fence; 6 is reserved;       |
//	|         |             |              | 7 value: since version 2                                                  |
//	| 1       | shape       | always       | bits 0 to 3: form of the data; bit 4: change; bit 5: notice; others 0     |
//	| 1       | fields      | always       | bit 0 edge, 1 key, 2 version, 3 tags, 4 info, 5 data, 6 same room;        |
//	|         |             |              | bit 7 is 0                                                                |
//	| text    | room        | bit 6 not set| UTF-8. With bit 6: the room of the entry before; of the first entry: empty|
//	| uvarint | generation  | always       | generation of the room's offsets                                          |
//	| uvarint | offset      | always       | offset of the publication in its room and generation                      |
//	| varint  | time        | always       | milliseconds since the time of the entry before; of the first entry:      |
//	|         |             |              | since 1970                                                                |
//	| uvarint | edge        | bit 0        | node of the publisher                                                     |
//	| uvarint | edge number | bit 0        | number that this node gave the publication                                |
//	| text    | key         | bit 1        | idempotency key; of a value: its key                                      |
//	| uvarint | version     | bit 2        | version number                                                            |
//	| text    | epoch       | bit 2        | version epoch                                                             |
//	| uvarint | tags        | bit 3        | number of tags, then for each tag two texts: name, value. Names ascend    |
//	| text    | info        | bit 4        | the publisher: four texts: user, client, connection info, channel info    |
//	| text    | data        | bit 5        | data of the publication; of a value: the value                            |
//
// A text is a uvarint length in bytes, then the bytes. A field that is empty is absent.
//
// The epoch of a generation is the first 8 bytes, big-endian, of the SHA-256 of the log's ID and the generation as 8 bytes, big-endian. Clients
// receive it as text in base 36 ([Epoch]).
//
// # Errors of the reader
//
//	| error        | cause                                                            | meaning                                            |
//	|--------------|------------------------------------------------------------------|----------------------------------------------------|
//	| ErrTruncated | fewer bytes than a header has                                    | damaged                                            |
//	| ErrTooLarge  | more bytes than MaxRecord                                        | damaged, or not a record                           |
//	| ErrVersion   | the checksum matches, and the version byte is not in the table   | a newer throng wrote it: start that version. The   |
//	|              | above                                                            | text gives the version found and those that this   |
//	|              |                                                                  | throng reads                                       |
//	| ErrChecksum  | the checksum does not match                                      | damaged                                            |
//	| ErrMalformed | the checksum matches, but a field is not as in the tables above  | a defect of the writer                             |
//
// All lengths are checked against the record before use, and none of them makes the reader allocate. Only the map of an entry's tags is
// allocated, and it grows with the tags that are read.
//
// All versions have the version byte, the checksum at its place, and at least 7 bytes. So a damaged version byte is not taken for a newer
// version. A change of the other bytes needs a new version number and a new golden file in testdata. The reader must still read the versions
// before it.
package record
