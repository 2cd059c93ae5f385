package importing

// roster adds the members of a channel with a name.
func (sl *slack) roster(c *slackChannel, room string) error {
	if err := sl.writer.info(room, c.Name, firstOf(c.Topic.Value, c.Purpose.Value)); err != nil {
		return err
	}
	return each(c.Members, func(id *string) error {
		role := member
		if *id == c.Creator {
			role = owner
		}
		return sl.writer.member(room, sl.people.of(*id, &sl.writer.report), role)
	})
}
