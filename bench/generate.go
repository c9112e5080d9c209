package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// manyServices is how many services are generated.
const manyServices = 500

// generated returns the build with generated services.
func (s *session) generated() (program string, err error) {
	if s.many == "" {
		s.many, err = generate(s.scratch)
	}
	return s.many, err
}

// generate builds this program with services in place of generated.go, in the folder dir.
func generate(dir string) (program string, err error) {
	var b strings.Builder
	b.WriteString("package main\n\nimport (\n\t\"context\"\n\n\t\"github.com/gomeko/gomeko/rpc\"\n\t\"github.com/gomeko/gomeko/service\"\n)\n\n")
	b.WriteString("type table struct {\n\tEcho rpc.Method `rpc:\"echo(text)\"`\n}\n\n")
	b.WriteString("type echo struct{}\n\nfunc (echo) Echo(_ context.Context, text string) (string, error) { return text, nil }\n\n")
	for i := range manyServices {
		fmt.Fprintf(&b, "type service%d struct {\n\t_ service.Name `service:\"bench%d\"`\n\techo\n\tEntrypoints table\n}\n\n", i, i)
	}
	b.WriteString("func generated() []any {\n\treturn []any{\n")
	for i := range manyServices {
		fmt.Fprintf(&b, "\t\tnew(service%d),\n", i)
	}
	b.WriteString("\t}\n}\n")

	source, overlay := filepath.Join(dir, "generated.go"), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(source, []byte(b.String()), 0o644); err != nil {
		return "", err
	}
	here, err := filepath.Abs("generated.go")
	if err != nil {
		return "", err
	}
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{here: source}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(overlay, replace, 0o644); err != nil {
		return "", err
	}
	program = filepath.Join(dir, "bench")
	out, err := exec.Command("go", "build", "-overlay", overlay, "-o", program, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return program, nil
}
