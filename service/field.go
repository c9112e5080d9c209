package service

import (
	"log/slog"
	"reflect"
)

// A Field is a dependency, that is, a field of a service outside of the table, as its
// [DependencyType] sees it.
type Field struct {
	Host    *Host
	Service string       // the service's name
	Name    string       // the field's name
	Type    reflect.Type // the field's type
	Tag     Tag

	hosted *hosted
	maker  reflect.Type  // the extension: Type, or that of the blank field in it
	value  reflect.Value // in the prototype
	logger *slog.Logger
}

// Value returns the value of the field. While Dependency runs, that is the value in the struct
// passed to [New], which tests may have set.
func (f *Field) Value() any { return f.value.Interface() }

// Logger returns the container's logger with the service and the field.
func (f *Field) Logger() *slog.Logger { return f.logger }
