package main

import (
	"bytes"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	log.SetFlags(0)
	flag.Usage = func() { fmt.Fprintln(flag.CommandLine.Output(), "usage: plain-english [FILE or FOLDER]…") }
	flag.Parse()
	files, err := tracked(flag.Args())
	if err != nil {
		log.Fatal(err)
	}
	counts := map[string]int{}
	for _, file := range files {
		texts, err := read(file)
		if err != nil {
			log.Fatal(err)
		}
		for _, t := range texts {
			for _, f := range find(t.words) {
				fmt.Printf("%s:%d: %s: %s\n", file, t.line(f.at), f.rule, f.excerpt)
				counts[filepath.Dir(file)]++
			}
		}
	}
	total := 0
	folders := make([]string, 0, len(counts))
	for folder, n := range counts {
		folders = append(folders, folder)
		total += n
	}
	slices.Sort(folders)
	for _, folder := range folders {
		fmt.Printf("%5d %s\n", counts[folder], folder)
	}
	fmt.Printf("%5d in all\n", total)
}

// tracked returns the Go files and pages of the repository that are in paths, or all of them.
func tracked(paths []string) ([]string, error) {
	args := append([]string{"ls-files", "-z", "-co", "--exclude-standard", "--"}, paths...)
	out, err := exec.Command("git", args...).Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	var files []string
	for name := range bytes.SplitSeq(out, []byte{0}) {
		file := string(name)
		page := strings.HasSuffix(file, ".md") && file != "CHANGELOG.md"
		code := strings.HasSuffix(file, ".go") && filepath.Dir(file) != "scripts/plain-english"
		if _, err := os.Stat(file); err == nil && (page || code) {
			files = append(files, file)
		}
	}
	return files, nil
}
