package importing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Slack converts an export of Slack.
func Slack(ctx context.Context, export *Archive, options Options, out io.Writer) (Report, error) {
	sl := slack{writer: newWriter(), export: export, options: options, people: newPeople(options.Users), channels: map[string]string{}}
	defer sl.writer.close()
	if err := sl.read(ctx); err != nil {
		return sl.writer.report, err
	}
	sl.writer.report.Users = len(sl.people.known)
	return sl.writer.finish(ctx, out)
}

// slack reads an export: users, then channels, then the messages of one channel after another.
type slack struct {
	writer   *writer
	export   *Archive
	options  Options
	people   *people
	channels map[string]string // name by ID, for links in messages
	lists    []slackList
}

// slackList is the channels of a file.
type slackList struct {
	file string
	room func(*slackChannel) (room string, ok bool)
	all  []slackChannel
}

type slackUser struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	RealName string `json:"real_name"`
	Profile  struct {
		Email       string `json:"email"`
		RealName    string `json:"real_name"`
		DisplayName string `json:"display_name"`
	} `json:"profile"`
}

type slackChannel struct {
	ID      string          `json:"id"`
	Name    string          `json:"name"` // none in dms.json
	Creator string          `json:"creator"`
	Members json.RawMessage `json:"members"`
	Topic   slackValue      `json:"topic"`
	Purpose slackValue      `json:"purpose"`
	Pins    json.RawMessage `json:"pins"`
}

type slackValue struct {
	Value string `json:"value"`
}

// read reads the export.
func (sl *slack) read(ctx context.Context) error {
	users, err := sl.usersFile()
	if err != nil {
		return err
	}
	if err := readList(ctx, sl.export, users, sl.user); err != nil {
		return err
	}
	sl.lists = []slackList{
		{file: "channels.json", room: sl.named(sl.options.Public)},
		{file: "groups.json", room: sl.named(sl.options.Private)},
		{file: "mpims.json", room: sl.named(sl.options.Private)},
		{file: "dms.json", room: sl.direct},
	}
	for i := range sl.lists {
		if err := sl.readChannels(ctx, &sl.lists[i]); err != nil {
			return err
		}
	}
	for _, list := range sl.lists {
		for i := range list.all {
			if err := sl.readChannel(ctx, &list, &list.all[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// usersFile returns the file with the users: of a workspace, or of an organization.
func (sl *slack) usersFile() (string, error) {
	for _, name := range []string{"users.json", "org_users.json"} {
		if err := sl.export.within(name); err == nil {
			return name, nil
		}
	}
	return "", errors.New("has no users.json: it is not an export of Slack")
}

// user adds a user.
func (sl *slack) user(u *slackUser) error {
	shown := u.Name
	for _, s := range []string{u.Profile.DisplayName, u.Profile.RealName, u.RealName} {
		if s != "" {
			shown = s
			break
		}
	}
	return sl.people.add(u.ID, u.ID, u.Name, u.Profile.Email, shown, &sl.writer.report)
}

// readChannels reads a file of channels. An export need not have it.
func (sl *slack) readChannels(ctx context.Context, list *slackList) error {
	err := readList(ctx, sl.export, list.file, func(c *slackChannel) error {
		if len(sl.channels) >= MaxRooms {
			return fmt.Errorf("the export has more than %d channels", MaxRooms)
		}
		if len(c.ID) > maxName || len(c.Name) > maxName {
			sl.writer.report.skip("channel without a valid name")
			return nil
		}
		sl.channels[c.ID] = c.Name
		list.all = append(list.all, *c)
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// named returns the function that names the rooms of channels with names.
func (sl *slack) named(prefix string) func(*slackChannel) (string, bool) {
	return func(c *slackChannel) (string, bool) { return named(prefix, c.Name) }
}

// direct names the room of a direct message.
func (sl *slack) direct(c *slackChannel) (room string, ok bool) {
	var users []string
	// A list that is not valid has no room.
	err := each(c.Members, func(id *string) error {
		users = append(users, sl.people.of(*id, &sl.writer.report).user)
		return nil
	})
	if err != nil {
		return "", false
	}
	return sl.options.direct(users)
}

// readList decodes a file that is a list, one element at a time.
func readList[T any](ctx context.Context, export *Archive, file string, do func(*T) error) error {
	in, err := export.open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	limited := &elementReader{in: in}
	limited.begin()
	d := json.NewDecoder(limited)
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return errors.Join(fmt.Errorf("%q: must be a list of JSON", file), err)
	}
	for n := 1; d.More(); n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		limited.begin()
		var element T
		if err := d.Decode(&element); err != nil {
			return fmt.Errorf("%q: element %d: %w", file, n, err)
		}
		if err := do(&element); err != nil {
			return fmt.Errorf("%q: element %d: %w", file, n, err)
		}
	}
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("%q: %w", file, err)
	}
	return nil
}
