package result

// deliveries returns the number of deliveries of a distribution.
func deliveries(d *Distribution) uint64 {
	if d == nil {
		return 0
	}
	return d.Count
}

// spread prints a line for each target.
func (p *page) spread(targets []SpreadTarget) {
	for i, t := range targets {
		key := ""
		if i == 0 {
			key = "targets"
		}
		p.line(key, "%s · %s, %s at the end · %s of %s", t.URL, Number(t.Members, "member"), Thousands(t.MembersAtEnd),
			Number(t.Sent, "message"), Number(t.Publishers, "publisher"))
		p.line("", "  delivered there: %s of its own, %s · %s of the others, %s", Thousands(deliveries(t.Own)), t.Own.brief(),
			Thousands(deliveries(t.Others)), t.Others.brief())
	}
}
