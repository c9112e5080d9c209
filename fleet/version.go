package fleet

import (
	"cmp"
	"reflect"
	"runtime/debug"
	"strings"

	"github.com/gomeko/gomeko/service"
)

// versionsOf returns the versions of a container's services: given, or by default the version of
// the module that declares the service's struct.
func versionsOf(h *service.Host, given string) map[string]string {
	info, _ := debug.ReadBuildInfo()
	versions := map[string]string{}
	for _, name := range h.Names() {
		versions[name] = cmp.Or(given, moduleVersion(info, h.Type(name)))
	}
	return versions
}

// moduleVersion returns the version of the module that declares a type, as recorded in the build.
// If the program was built in its clone, this is the commit, or "(devel)" if that is unknown.
func moduleVersion(info *debug.BuildInfo, t reflect.Type) string {
	if info == nil || t == nil {
		return ""
	}
	best := &info.Main
	path := t.PkgPath()
	if path == "main" {
		path = best.Path
	}
	within := func(m *debug.Module) bool { return path == m.Path || strings.HasPrefix(path, m.Path+"/") }
	for _, m := range info.Deps {
		if within(m) && (!within(best) || len(m.Path) > len(best.Path)) {
			best = m
		}
	}
	if best.Replace != nil {
		return cmp.Or(best.Replace.Version, best.Version)
	}
	if best == &info.Main && best.Version == undetermined {
		return commit(info)
	}
	return best.Version
}

// undetermined is Go's version of a module whose version is unknown.
const undetermined = "(devel)"

// commit returns the beginning of the commit from which the program was built, or undetermined.
func commit(info *debug.BuildInfo) string {
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	revision := settings["vcs.revision"]
	switch {
	case revision == "":
		return undetermined
	case settings["vcs.modified"] == "true":
		return revision[:min(12, len(revision))] + "+dirty"
	}
	return revision[:min(12, len(revision))]
}
