package vitals

import "strconv"

// digits are the significant digits of a value in JSON: more than a plot shows.
const digits = 5

// AppendHistory appends samples as one JSON object: "at" and each series are arrays, "latency" has the counts of each bucket and "closes" those of
// each reason, or null. reasons are the names of the close reasons, bounds those of the buckets in ms.
func AppendHistory(to []byte, samples []Sample, reasons []string, bounds []float64) []byte {
	to = append(to, `{"at":[`...)
	for i := range samples {
		to = strconv.AppendInt(separate(to, i), samples[i].At, 10)
	}
	to = append(to, `],"bounds":[`...)
	for i, bound := range bounds {
		to = appendNumber(separate(to, i), bound)
	}
	to = append(to, `],"series":{`...)
	for series, name := range Names {
		to = append(strconv.AppendQuote(separate(to, series), name), `:[`...)
		for i := range samples {
			to = appendNumber(separate(to, i), float64(samples[i].Values[series]))
		}
		to = append(to, ']')
	}
	to = append(to, `},"latency":[`...)
	for i := range samples {
		to = appendCounts(separate(to, i), samples[i].Latency)
	}
	to = append(to, `],"closes":[`...)
	for i := range samples {
		to = appendCloses(separate(to, i), samples[i].Closes, reasons)
	}
	return append(to, `]}`...)
}

// AppendSample appends the fields of a sample, without braces.
func AppendSample(to []byte, s *Sample, reasons []string) []byte {
	to = strconv.AppendInt(append(to, `"at":`...), s.At, 10)
	to = append(to, `,"now":{`...)
	for series, name := range Names {
		to = append(strconv.AppendQuote(separate(to, series), name), ':')
		to = appendNumber(to, float64(s.Values[series]))
	}
	to = appendCounts(append(to, `},"latency":`...), s.Latency)
	return appendCloses(append(to, `,"closes":`...), s.Closes, reasons)
}

func separate(to []byte, i int) []byte {
	if i > 0 {
		return append(to, ',')
	}
	return to
}

func appendNumber(to []byte, v float64) []byte {
	if v == float64(int64(v)) {
		return strconv.AppendInt(to, int64(v), 10)
	}
	return strconv.AppendFloat(to, v, 'g', digits, 64)
}

func appendCounts(to []byte, counts []uint32) []byte {
	if counts == nil {
		return append(to, "null"...)
	}
	to = append(to, '[')
	for i, n := range counts {
		to = strconv.AppendUint(separate(to, i), uint64(n), 10)
	}
	return append(to, ']')
}

// appendCloses appends the counts that are not 0, by their name.
func appendCloses(to []byte, counts []uint32, reasons []string) []byte {
	if counts == nil {
		return append(to, "null"...)
	}
	to = append(to, '{')
	written := 0
	for i, n := range counts {
		if n > 0 {
			to = append(strconv.AppendQuote(separate(to, written), reasons[i]), ':')
			to = strconv.AppendUint(to, uint64(n), 10)
			written++
		}
	}
	return append(to, '}')
}
