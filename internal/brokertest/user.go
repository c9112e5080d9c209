package brokertest

import (
	"cmp"
	"crypto/rand"
	"net/http"
	"net/url"
	"testing"
)

// A User is a user of a broker that exists for one test.
type User struct {
	Name string

	t     testing.TB
	uri   *url.URL
	api   string
	vhost string
}

// NewUser creates a user without permissions on the virtual host of uri, which [RabbitMQ] must have
// returned. It deletes the user when the test ends.
func NewUser(t testing.TB, uri string) *User {
	t.Helper()
	_, api := shared(t)
	return ManagedUser(t, uri, api)
}

// ManagedUser is like [NewUser], for a broker of [Managed] with the management API api.
func ManagedUser(t testing.TB, uri, api string) *User {
	t.Helper()
	parsed, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	u := &User{Name: "user-" + rand.Text()[:8], t: t, uri: parsed, api: api, vhost: url.PathEscape(cmp.Or(parsed.Path[1:], "/"))}
	u.Password("secret")
	t.Cleanup(func() { manage(t, http.MethodDelete, u.address(), nil) })
	return u
}

// URI returns the URI that was passed to NewUser, with this user and the given password.
func (u *User) URI(password string) string {
	uri := *u.uri
	uri.User = url.UserPassword(u.Name, password)
	return uri.String()
}

// Password sets the password, which is initially "secret".
func (u *User) Password(password string) {
	u.t.Helper()
	manage(u.t, http.MethodPut, u.address(), map[string]string{"password": password, "tags": ""})
}

// Grant sets the permissions on the virtual host, as regular expressions that match names. ""
// grants nothing.
func (u *User) Grant(configure, write, read string) {
	u.t.Helper()
	manage(u.t, http.MethodPut, u.api+"/api/permissions/"+u.vhost+"/"+u.Name,
		map[string]string{"configure": configure, "write": write, "read": read})
}

func (u *User) address() string { return u.api + "/api/users/" + u.Name }

// GrantTopic sets the permissions for routing keys of a topic exchange, as regular expressions.
func (u *User) GrantTopic(exchange, write, read string) {
	u.t.Helper()
	manage(u.t, http.MethodPut, u.api+"/api/topic-permissions/"+u.vhost+"/"+u.Name,
		map[string]string{"exchange": exchange, "write": write, "read": read})
}
