package admin

import (
	"bytes"
	"fmt"
	"net/http"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxProfile limits how long a profile or a trace is recorded, because recording slows the process
// down.
const maxProfile = 2 * time.Minute

// profiles serves "go tool pprof" under the same paths as net/http/pprof. It does not import that
// package, which adds its handlers to http.DefaultServeMux: a program may serve that to everybody.
func profiles(w http.ResponseWriter, r *http.Request) {
	switch name := strings.TrimPrefix(r.URL.Path, "/debug/pprof/"); name {
	case "":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintln(w, "profile?seconds=30\ntrace?seconds=1")
		for _, p := range pprof.Profiles() {
			fmt.Fprintf(w, "%s (%d)\n", p.Name(), p.Count())
		}
	case "profile":
		record(w, r, 30*time.Second, func(b *bytes.Buffer) error { return pprof.StartCPUProfile(b) }, pprof.StopCPUProfile)
	case "trace":
		record(w, r, time.Second, func(b *bytes.Buffer) error { return trace.Start(b) }, trace.Stop)
	default:
		profile(w, r, name)
	}
}

// profile writes one of the runtime's profiles: heap, goroutine, block and so on.
func profile(w http.ResponseWriter, r *http.Request, name string) {
	p := pprof.Lookup(name)
	if p == nil {
		names := []string{"profile", "trace"}
		for _, p := range pprof.Profiles() {
			names = append(names, p.Name())
		}
		slices.Sort(names)
		http.Error(w, "no such profile: there are "+strings.Join(names, ", "), http.StatusNotFound)
		return
	}
	if name == "heap" && r.FormValue("gc") == "1" {
		runtime.GC()
	}
	debug, _ := strconv.Atoi(r.FormValue("debug")) // 0, the binary format, if it is not a number
	if debug > 0 {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	} else {
		download(w, name)
	}
	_ = p.WriteTo(w, debug) // the client has gone
}

// record records for the number of seconds in the request and writes the recording.
func record(w http.ResponseWriter, r *http.Request, usual time.Duration, start func(*bytes.Buffer) error, stop func()) {
	d := usual
	if text := r.FormValue("seconds"); text != "" {
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil || !(seconds > 0 && seconds <= maxProfile.Seconds()) {
			http.Error(w, fmt.Sprintf("seconds: must be a number up to %g", maxProfile.Seconds()), http.StatusBadRequest)
			return
		}
		d = time.Duration(seconds * float64(time.Second))
	}
	var recorded bytes.Buffer
	if err := start(&recorded); err != nil {
		http.Error(w, err.Error()+": try again when the other has ended", http.StatusConflict)
		return
	}
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	}
	stop()
	download(w, r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:])
	_, _ = w.Write(recorded.Bytes()) // the client has gone
}

func download(w http.ResponseWriter, name string) {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
}
