// Package users is the users service of the application in the parent directory.
package users

import (
	"context"
	"fmt"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/events"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
)

// Module contains the users service.
var Module = fx.Module("users", service.Provide(new(Users)))

// Users returns users from a fixed list.
type Users struct {
	_ service.Name `service:"users"`

	Entrypoints struct {
		GetUser    rpc.Method `rpc:"get_user(user_id)"`
		DeleteUser rpc.Method `rpc:"delete_user(user_id)"`
	}

	Dispatch events.Dispatcher `message_id:"true"`
}

// A User is a user with a name.
type User struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
}

// ErrNotFound is returned for a user who does not exist.
var ErrNotFound = rpc.NewError("users.exceptions.NotFound", "user not found")

// GetUser returns a user.
func (*Users) GetUser(_ context.Context, id int) (User, error) {
	switch id {
	case 7:
		return User{id, "Julio"}, nil
	case 8:
		return User{id, "Ana"}, nil
	}
	return User{}, fmt.Errorf("%d: %w", id, ErrNotFound)
}

// DeleteUser dispatches user_deleted, so that other services delete their data about the user.
func (u *Users) DeleteUser(ctx context.Context, id int) error {
	user, err := u.GetUser(ctx, id)
	if err != nil {
		return err
	}
	return u.Dispatch(ctx, "user_deleted", user)
}
