package runner

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// progressTime is how often a build reports its progress.
const progressTime = 5 * time.Second

// A compilerOutput receives the output of go build -v: it counts the packages that are built and
// prints the compiler's reports.
type compilerOutput struct {
	*builder

	mu    sync.Mutex
	rest  []byte // of a line
	built int    // packages
}

// watch runs a build, and reports meanwhile that it is running.
func (o *compilerOutput) watch(run func() error) error {
	began, ended := time.Now(), make(chan struct{})
	var teller sync.WaitGroup
	teller.Go(func() {
		tick := time.NewTicker(progressTime)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				o.mu.Lock()
				passed := time.Since(began).Round(time.Second)
				o.tell(fmt.Sprintf("building: %s, %s so far", packages(o.built), passed), "building", "built", o.built, "duration", passed)
				o.mu.Unlock()
			case <-ended:
				return
			}
		}
	})
	err := run()
	close(ended)
	teller.Wait()
	if len(o.rest) > 0 {
		o.take(string(o.rest))
	}
	return err
}

func (o *compilerOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.rest = append(o.rest, p...)
	for {
		line, rest, found := bytes.Cut(o.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		o.take(string(line))
		o.rest = rest
	}
}

// importPath matches a line that contains only an import path.
var importPath = regexp.MustCompile(`^[^\s:#]+$`)

func (o *compilerOutput) take(line string) {
	if importPath.MatchString(line) {
		o.built++
		return
	}
	o.report(o.fromHere(line))
}

// place matches the file and the line of a compiler report.
var place = regexp.MustCompile(`[^\s:"]+\.go:\d+`)

// fromHere makes the file paths in a report of the go command relative to the user's working
// directory.
func (b *builder) fromHere(report string) string {
	here, err := os.Getwd()
	if err != nil {
		return report
	}
	return place.ReplaceAllStringFunc(report, func(found string) string {
		file, line, _ := strings.Cut(found, ".go:")
		path := file + ".go"
		if !filepath.IsAbs(path) {
			path = filepath.Join(here, b.dir, path)
			if filepath.IsAbs(b.dir) {
				path = filepath.Join(b.dir, file+".go")
			}
		}
		near, err := filepath.Rel(here, path)
		if err != nil || strings.HasPrefix(near, ".."+string(filepath.Separator)+".."+string(filepath.Separator)+"..") {
			near = path
		}
		if _, err := os.Stat(path); err != nil {
			return found
		}
		return near + ":" + line
	})
}

// packages returns a number of packages in words.
func packages(n int) string {
	if n == 1 {
		return "1 package built"
	}
	return strconv.Itoa(n) + " packages built"
}
