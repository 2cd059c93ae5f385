package oracle

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// maxLine is the largest line in bytes.
const maxLine = 4 << 20

// ReadLog judges the lines of a stored log. name is that of the file, for errors. A line with data of another kind is a publication that does
// not belong to the run: it has an offset and no identity.
func (o *Oracle) ReadLog(name string, in io.Reader) error {
	return eachLine(name, in, func(line []byte) error {
		var s struct {
			Stored
			Data json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal(line, &s); err != nil {
			return err
		}
		if len(s.Data) > 0 && s.Data[0] == '{' && bytes.Contains(s.Data, []byte(`"publisher"`)) {
			if err := json.Unmarshal(s.Data, &s.Stored.Data); err != nil {
				return err
			}
		}
		o.Stored(&s.Stored)
		return nil
	})
}

// ReadAcks judges the lines of acknowledgements.
func (o *Oracle) ReadAcks(name string, in io.Reader) error {
	return eachLine(name, in, func(line []byte) error {
		var a Ack
		if err := json.Unmarshal(line, &a); err != nil {
			return err
		}
		if a.Room == "" || a.Publisher == "" || a.Number == 0 {
			return fmt.Errorf("room, publisher and number: must not be empty")
		}
		o.Acked(&a)
		return nil
	})
}

// ReadHeard judges the lines of subscribers.
func (o *Oracle) ReadHeard(name string, in io.Reader) error {
	return eachLine(name, in, func(line []byte) error {
		var h Heard
		if err := json.Unmarshal(line, &h); err != nil {
			return err
		}
		return o.Heard(&h)
	})
}

// eachLine calls do with each line that is not empty. The last line may lack its end: a process that was killed wrote it.
func eachLine(name string, in io.Reader, do func([]byte) error) error {
	lines := bufio.NewReaderSize(in, 1<<16)
	var long []byte
	for n := 1; ; n++ {
		line, err := lines.ReadSlice('\n')
		for err == bufio.ErrBufferFull && len(long) < maxLine {
			long = append(long, line...)
			line, err = lines.ReadSlice('\n')
		}
		if len(long) > 0 {
			line = append(long, line...)
			long = long[:0]
		}
		switch {
		case err == bufio.ErrBufferFull:
			return fmt.Errorf("%s:%d: the line is longer than %d bytes", name, n, maxLine)
		case err == io.EOF:
			return nil // a cut line is not judged: nobody waited for it
		case err != nil:
			return fmt.Errorf("read %s: %w", name, err)
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			if err := do(line); err != nil {
				return fmt.Errorf("%s:%d: %w", name, n, err)
			}
		}
	}
}
