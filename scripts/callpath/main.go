package main

import (
	"fmt"
	"log"
	"os"
)

func main() {
	log.SetFlags(0)
	page, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		log.Fatal(err)
	}
	all := path{title: "all paths"}
	var missing []string
	for _, p := range read(string(page)) {
		p.print(os.Stdout)
		missing = append(missing, p.missing(".")...)
		all.steps = append(all.steps, p.steps...)
	}
	if len(all.steps) == 0 {
		log.Fatal("docs/architecture.md lists no steps")
	}
	fmt.Println(all.summary())
	for _, m := range missing {
		log.Print(m)
	}
	if len(missing) > 0 {
		os.Exit(1)
	}
}
