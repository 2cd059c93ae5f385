package importing

import (
	"encoding/json"
	"strings"
)

// mattermostTeam is a team of a user, with the channels that the user is a member of.
type mattermostTeam struct {
	Name     string          `json:"name"`
	Channels json.RawMessage `json:"channels"`
}

type mattermostMember struct {
	Name  string `json:"name"`
	Roles string `json:"roles"`
}

// memberships adds a user to its channels.
func (mm *mattermost) memberships(u *mattermostUser) error {
	p := mm.people.known[u.Username]
	return each(u.Teams, func(team *mattermostTeam) error {
		return each(team.Channels, func(c *mattermostMember) error {
			room, ok := mm.rooms[team.Name+"/"+c.Name]
			if !ok || room == "" {
				mm.writer.report.skip("member of a channel that the export does not have")
				return nil
			}
			role := member
			if strings.Contains(c.Roles, "channel_admin") {
				role = moderator
			}
			return mm.writer.member(room, p, role)
		})
	})
}

// directChannel adds the members of a group. A direct room has members from its first message on.
func (mm *mattermost) directChannel(d *mattermostDirect) error {
	names := d.Members
	for _, participant := range d.Participants {
		names = append(names, participant.Username)
	}
	members, users := mm.people.all(names, &mm.writer.report)
	room, ok := mm.options.direct(users)
	if !ok || len(users) < 3 {
		return nil
	}
	if err := mm.writer.info(room, strings.Join(users, ", "), d.Header); err != nil {
		return err
	}
	for _, p := range members {
		if err := mm.writer.member(room, p, member); err != nil {
			return err
		}
	}
	return nil
}
