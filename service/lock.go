package service

import (
	"reflect"
	"strings"
	"sync"
)

var lockerType = reflect.TypeFor[sync.Locker]()

// findLock returns the type of a value in t that must not be copied, and the path to it, nil if
// there is none. These are the types that the check copylocks of go vet finds, and those of
// sync/atomic.
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
