package chat

import "testing"

func TestWhichPublicationsAreChanges(t *testing.T) {
	for data, want := range map[string]bool{
		`{"type":"reaction","of":"a","emoji":"x","on":true}`: true,
		`{"of":"a","text":"b","type":"edit"}`:                true,
		`{"type":"delete","of":7}`:                           true,
		`{"type":"delete"}`:                                  false,
		`{"type":"delete","what":"of"}`:                      false,
		`{"type":"other","of":"a"}`:                          false,
		`{"id":"a","text":"\"of\" {\"type\":\"edit\"}"}`:     false,
		`{"meta":{"type":"edit","of":"a"}}`:                  false,
		`["edit","of"]`:                                      false,
		`"of"`:                                               false,
	} {
		p := Publication{Data: []byte(data), Form: FormJSON}
		if got := p.changesMessage(); got != want {
			t.Errorf("%s: got %v, want %v", data, got, want)
		}
	}
}
