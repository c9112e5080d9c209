package service

import (
	"reflect"
	"strings"
	"sync"
)

var lockerType = reflect.TypeFor[sync.Locker]()

// findLock returns a type within t whose values must not be copied, and the path to it, or nil. It
// finds the types that go vet's copylocks check finds, and those of sync/atomic.
func findLock(t reflect.Type, path string) (reflect.Type, string) {
	switch t.Kind() {
	case reflect.Array:
		return findLock(t.Elem(), path+"[]")
	case reflect.Struct:
	default:
		return nil, ""
	}
	if pkg := t.PkgPath(); pkg == "sync" || strings.HasPrefix(pkg, "sync/") {
		return t, path
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if lock, at := findLock(f.Type, path+"."+f.Name); lock != nil {
			return lock, at
		}
	}
	if reflect.PointerTo(t).Implements(lockerType) && !t.Implements(lockerType) {
		return t, path
	}
	return nil, ""
}
