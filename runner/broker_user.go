package runner

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
)

// addUsers adds the users of --user, and the permissions of --permissions.
func (s *brokerSettings) addUsers(users, permissions []string) error {
	s.Users = maps.Clone(s.Users)
	if s.Users == nil && len(users) > 0 {
		s.Users = map[string]brokerUser{}
	}
	var mistakes []error
	for _, word := range users {
		mistakes = append(mistakes, s.addUser(word))
	}
	for _, words := range permissions {
		mistakes = append(mistakes, s.addPermission(words))
	}
	return errors.Join(mistakes...)
}

// addUser adds NAME:@FILE.
func (s *brokerSettings) addUser(word string) error {
	name, file, ok := strings.Cut(word, ":@")
	if !ok || name == "" || file == "" {
		name, _, _ = strings.Cut(word, ":") // the rest may be a password
		return usagef("--user %s:…: must be NAME:@FILE, with the password in the file: other users of this machine can see a password in the command line", name)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return usagef("--user %s: %w", name, err)
	}
	password := strings.TrimRight(string(text), "\r\n")
	if password == "" {
		return usagef("--user %s: %s is empty: write the password into it", name, file)
	}
	u := s.Users[name]
	u.Password = password
	s.Users[name] = u
	return nil
}

// addPermission adds USER VHOST CONFIGURE WRITE READ. As in rabbitmqctl, an expression of two
// quotes is empty.
func (s *brokerSettings) addPermission(text string) error {
	words := strings.Fields(text)
	if len(words) != 5 {
		return usagef("--permissions %q: must be 'USER VHOST CONFIGURE WRITE READ', as in 'ana / ^orders .* .*', with \"\" for nothing", text)
	}
	u, known := s.Users[words[0]]
	if !known {
		return usagef("--permissions %q: there is no user %s: add --user %[2]s:@FILE", text, words[0])
	}
	for i, word := range words {
		if word == `""` || word == "''" {
			words[i] = ""
		}
	}
	u.Permissions = maps.Clone(u.Permissions)
	if u.Permissions == nil {
		u.Permissions = map[string]brokerPermission{}
	}
	if words[1] == "" {
		return usagef("--permissions %q: a virtual host must have a name", text)
	}
	u.Permissions[words[1]] = brokerPermission{words[2], words[3], words[4]}
	s.Users[words[0]] = u
	return nil
}

// negative returns an error for each limit flag that is not positive.
func (s *brokerSettings) negative() []error {
	var all []error
	for key, n := range map[string]int64{
		"max_message": s.MaxMessage, "max_memory": s.MaxMemory, "max_queues": int64(s.MaxQueues),
		"max_connections": int64(s.MaxConnections), "max_channels": int64(s.MaxChannels),
	} {
		if n < 0 {
			all = append(all, fmt.Errorf("%s: must be positive, not %d", named(key), n))
		}
	}
	return all
}
