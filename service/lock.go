package service

import (
	"reflect"
	"strings"
	"sync"
)

var lockerType = reflect.TypeFor[sync.Locker]()

// findLock returns the type in t, held by value, that must not be copied, and the path to it; nil if there is none.
// It is what go vet's copylocks looks for, and the atomics.
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
