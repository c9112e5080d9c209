package fleet

import (
	"cmp"
	"reflect"
	"runtime/debug"
	"strings"

	"github.com/gomeko/gomeko/service"
)

// versionsOf returns the versions of the services of a container: given, if it is not "", else that
// of the module that has the type of its struct.
func versionsOf(h *service.Host, given string) map[string]string {
	info, _ := debug.ReadBuildInfo()
	versions := map[string]string{}
	for _, name := range h.Names() {
		versions[name] = cmp.Or(given, moduleVersion(info, h.Type(name)))
	}
	return versions
}

// moduleVersion returns the version of the module that a type belongs to, as the build has it. A
// program that was built in its clone has the commit for a version; without one it is "(devel)".
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

// undetermined is the version of a module that Go does not know one of.
const undetermined = "(devel)"

// commit returns the beginning of the commit that the program was built from, or undetermined.
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
