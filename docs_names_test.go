package gomeko_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	fence  = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	inline = regexp.MustCompile("``(.+?)``|`([^`]+)`")
	link   = regexp.MustCompile(`\]\(([^)\s#]*)(?:#([^)\s]+))?\)`)
	head   = regexp.MustCompile(`(?m)^#+ (.*)$`)
	name   = regexp.MustCompile(`(?:^|[^\w./"])([a-z]+)\.([A-Z]\w*)(?:\.([A-Z]\w*))?`)
	member = regexp.MustCompile(`^\*?([A-Z]\w*\.[A-Z]\w*)`)
	tag    = regexp.MustCompile("(?:^|[ `])(\\w+):\"")
	key    = regexp.MustCompile(`^gomeko\.(?:web\.)?(\w+)`)
	path   = regexp.MustCompile(`^[\w.-]+(/[\w.-]+)+\.\w+$`)
	word   = regexp.MustCompile(`^[A-Za-z]\w*$`)
	file   = regexp.MustCompile(`^\w+\.(?:go|md|yaml)$`)
	target = regexp.MustCompile(`^make\s+(\w+)`)
	gomeko = regexp.MustCompile(`^(?:go run \./cmd/)?gomeko ([a-z-]+)`)
	flags  = regexp.MustCompile(`(?:^| )--([a-z-]+)`)
)

// pages returns the pages of the project.
func pages(t *testing.T) map[string]string {
	t.Helper()
	files := []string{"README.md", "CONTRIBUTING.md"}
	for _, pattern := range []string{"docs/*.md", "docs/wire/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	texts := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = fence.ReplaceAllString(string(text), "")
	}
	return texts
}

// TestLinks checks that the links between pages lead to a file, and to a heading in it.
func TestLinks(t *testing.T) {
	for page, text := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(inline.ReplaceAllString(text, ""), -1) {
			to := page
			if m[1] != "" {
				to = filepath.Join(filepath.Dir(page), m[1])
			}
			if strings.Contains(m[1], "://") {
				continue
			}
			target, err := os.ReadFile(to)
			if _, missing := os.Stat(to); missing != nil {
				t.Errorf("%s: %s: no such file", page, to)
			} else if m[2] != "" && (err != nil || !anchors(string(target))[m[2]]) {
				t.Errorf("%s: %s has no heading #%s", page, to, m[2])
			}
		}
	}
}

// anchors returns the anchors of a page's headings, as GitHub makes them.
func anchors(page string) map[string]bool {
	found := map[string]bool{}
	for _, m := range head.FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
		kept := regexp.MustCompile(`[^\w\- ]`).ReplaceAllString(strings.ToLower(m[1]), "")
		found[strings.ReplaceAll(kept, " ", "-")] = true
	}
	return found
}

// TestNames checks that pages name nothing that does not exist. In backquotes, it knows
// `package.Name`, `package.Type.Name` and `Type.Name`, files and folders, the keys of tags
// (`key:"value"`) and of the configuration, make targets, and the commands and flags of gomeko. Any
// other single word must be a name or a string in the code, or in foreignWords.
func TestNames(t *testing.T) {
	all := pages(t)
	v := newVocabulary(t, all["docs/configuration.md"])
	for page, text := range all {
		check := v.check
		if strings.HasPrefix(page, "docs/wire/") { // most of its words are Nameko's and of the wire
			check = v.checkNames
		}
		for _, quoted := range quotations(text) {
			if problem := check(quoted); problem != "" {
				t.Errorf("%s: `%s`: %s", page, quoted, problem)
			}
		}
	}
}

// TestNamesMissing checks that TestNames finds what does not exist.
func TestNamesMissing(t *testing.T) {
	v := newVocabulary(t, pages(t)["docs/configuration.md"])
	for _, wrong := range []string{
		"Call.Inline", "service.Foo", "service.Call.Foo", "f := service.Foo(ctx)", `rpc:"echo" timeot:"5s"`, "gomeko.grase",
		"make tests", "gomeko walk", "gomeko run --confg FILE", "service/nothing.go", "nothing.go", "socket_idel", "Inlined",
	} {
		if v.check(wrong) == "" {
			t.Errorf("`%s` was not found", wrong)
		}
	}
	for _, right := range []string{
		"Row.Run", "service.Call", "service.Call.Stack", "*service.PanicError", `rpc:"echo" timeout:"5s"`, "gomeko.grace",
		"make test", "gomeko run ./stock --config FILE", "service/run.go", "go.mod", "socket_idle", "Expected", "http.Handler",
		"4 * time.Second", "{\"a\": 1}", "RpcProxy", "x-max-length",
	} {
		if problem := v.check(right); problem != "" {
			t.Errorf("`%s`: %s", right, problem)
		}
	}
}

// quotations returns the texts in backquotes, which may go on in the next line.
func quotations(page string) (all []string) {
	lines := regexp.MustCompile(`([^|\n])\n([^|\n])`).ReplaceAllString(page, "$1 $2")
	for line := range strings.Lines(lines) {
		for _, m := range inline.FindAllStringSubmatch(line, -1) {
			all = append(all, strings.TrimSpace(m[1]+m[2]))
		}
	}
	return all
}

// foreignWords are the single words in backquotes that are not names of this module, by where they
// are from.
var foreignWords = map[string]string{
	"Python":                "RuntimeError regex",
	"HTTP":                  "Basic Bearer EventSource",
	"systemd":               "WatchdogSec",
	"made up as an example": "forget_user apiKey connection_string session_id",
	"Nameko": `AnyInstanceOf BROADCAST ClusterRpcProxy DependencyProvider DummyProvider EventDispatcher Extension
		IncorrectSignature MalformedRequest MockDependencyProvider RemoteError ResourcePipeline RpcProxy SINGLETON
		ServiceContainer ServiceRpcProxy ServiceRunner SharedExtension UnknownService WebSocketHubProvider WorkerContext
		assert_stops_raising broadcast_identifier container_factory context_data_from_headers dummy empty_config
		entrypoint_hook entrypoint_waiter event_dispatcher expected_exceptions fast_teardown find_free_port get_container
		get_dependency get_extension get_message_from_queue get_wsgi_app handle_result mock_container
		predictable_call_ids rabbit_config rabbit_manager rabbit_ssl_config replace_dependencies
		reset_rabbit_connections response_from_exception restrict_entrypoints retry retry_policy run_services
		runner_factory sensitive_arguments use_confirms wait_for_call web_config web_config_port web_session
		worker_ctx worker_factory worker_result worker_setup worker_teardown --blocking-detection`,
	"crew": "ExpirationError LongPoolingHandler TimeoutError",
	"Celery, Sidekiq and SQJobs": `PeriodicJob ResultJob acks_late after_return autoretry_for before_start countdown create_eager_broker eta on_failure on_success
		perform_async perform_at perform_in retry_backoff set_up sidekiq_retries_exhausted super_fetch task_always_eager
		task_routes tear_down update_state visibility_timeout`,
	"a value of AMQP_SSL":            "CERT_NONE",
	"what show-config does not show": "access_key api_key encryption_key private_key secret_key signing_key",
	"OpenTelemetry": `OTEL_EXPORTER_OTLP_PROTOCOL OTEL_RESOURCE_ATTRIBUTES OTEL_TRACES_SAMPLER OTEL_TRACES_SAMPLER_ARG grpc
		parentbased_traceidratio traceparent`,
	"RabbitMQ's management API":          "message_stats",
	"RabbitMQ's metrics":                 "rabbitmq_detailed_queue_messages",
	"Go, its tests, and other libraries": "MarshalJSON PingContext Registerer TestMain client_golang defer float64 goleak promtool statsd statsd_exporter",
}

// A vocabulary is what pages may name.
type vocabulary struct {
	packages map[string]map[string]bool // what each package exports, as Name and Type.Name
	members  map[string]bool            // Type.Name of all packages
	words    map[string]bool            // names and strings in the code, files, folders, tests, foreignWords
	strings  map[string]bool            // all strings in the code
	targets  map[string]bool            // of the Makefile
	commands map[string]bool            // of gomeko
	settings string                     // docs/configuration.md, which a test of package config compares with the code
}

func newVocabulary(t *testing.T, settings string) *vocabulary {
	t.Helper()
	v := &vocabulary{
		packages: exportedNames(t), strings: literals(t), settings: settings,
		members: map[string]bool{}, words: map[string]bool{}, targets: map[string]bool{}, commands: map[string]bool{"help": true},
	}
	maps.Copy(v.words, v.strings)
	for _, names := range v.packages {
		maps.Copy(v.members, names)
		for name := range names {
			v.words[name[strings.LastIndex(name, ".")+1:]] = true
		}
	}
	for _, words := range foreignWords {
		for word := range strings.FieldsSeq(words) {
			v.words[word] = true
		}
	}
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^(\w+):`).FindAllStringSubmatch(string(makefile), -1) {
		v.targets[m[1]] = true
	}
	v.addFiles(t)
	for _, file := range sources(t) {
		v.addSource(file)
	}
	return v
}

// addFiles adds the names of files and folders, and those of tests.
func (v *vocabulary) addFiles(t *testing.T) {
	t.Helper()
	tracked, err := exec.Command("git", "ls-files").Output()
	if err != nil {
		t.Fatal(err)
	}
	for file := range strings.FieldsSeq(string(tracked)) {
		for part := range strings.SplitSeq(file, "/") {
			v.words[part] = true
		}
		if !strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllStringSubmatch(string(text), -1) {
			v.words[m[1]] = true
		}
	}
}

// addSource adds the commands that a file declares, and the words of its tags: names of services,
// methods and parameters.
func (v *vocabulary) addSource(file *ast.File) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			if n.Tag != nil {
				for _, word := range regexp.MustCompile(`\w+`).FindAllString(n.Tag.Value, -1) {
					v.words[word] = true
				}
			}
		case *ast.KeyValueExpr:
			use, isString := n.Value.(*ast.BasicLit)
			if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Use" && isString {
				v.commands[strings.Fields(strings.Trim(use.Value, `"`))[0]] = true
			}
		}
		return true
	})
}

// check returns what is wrong with a text in backquotes, or "".
func (v *vocabulary) check(text string) string {
	if problem := v.checkNames(text); problem != "" {
		return problem
	}
	for _, m := range tag.FindAllStringSubmatch(text, -1) {
		if !v.strings[m[1]] {
			return "no package reads the key " + m[1] + " of a tag"
		}
	}
	if m := member.FindStringSubmatch(text); m != nil && !v.members[m[1]] {
		return "no package has " + m[1]
	}
	if m := key.FindStringSubmatch(text); m != nil && !v.strings[m[0]] && !strings.Contains(text, "<queue>") && !strings.Contains(v.settings, "\n| `"+m[1]+"`") {
		return "docs/configuration.md has no key " + m[1]
	}
	if m := target.FindStringSubmatch(text); m != nil && !v.targets[m[1]] {
		return "the Makefile has no target " + m[1]
	}
	if m := gomeko.FindStringSubmatch(text); m != nil || strings.HasPrefix(text, "--") {
		if m != nil && !v.commands[m[1]] {
			return "gomeko has no command " + m[1]
		}
		for _, m := range flags.FindAllStringSubmatch(text, -1) {
			if !v.strings[m[1]] && !v.words["--"+m[1]] {
				return "gomeko has no flag --" + m[1]
			}
		}
	}
	if _, err := os.Stat(text); err != nil && path.MatchString(text) {
		return "no such file"
	}
	if (word.MatchString(text) || file.MatchString(text)) && !v.words[text] {
		return "neither the code nor foreignWords has it"
	}
	return ""
}

// checkNames checks package.Name and package.Type.Name, anywhere in the text.
func (v *vocabulary) checkNames(text string) string {
	for _, m := range name.FindAllStringSubmatch(text, -1) {
		if full := strings.TrimSuffix(m[2]+"."+m[3], "."); v.packages[m[1]] != nil && !v.packages[m[1]][full] {
			return "package " + m[1] + " has no " + full
		}
	}
	return ""
}

// exportedNames returns for each package the functions, types, methods, fields and values that it
// exports.
func exportedNames(t *testing.T) map[string]map[string]bool {
	t.Helper()
	packages := map[string]map[string]bool{}
	for _, parsed := range sources(t) {
		names := packages[parsed.Name.Name]
		if names == nil {
			names = map[string]bool{}
			packages[parsed.Name.Name] = names
		}
		for _, d := range parsed.Decls {
			addDeclaration(d, names)
		}
	}
	delete(packages, "main")
	return packages
}

// sources returns the code of all packages, without tests.
func sources(t *testing.T) []*ast.File {
	t.Helper()
	var all []*ast.File
	for _, pattern := range []string{"*/*.go", "*/*/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, parsed)
		}
	}
	return all
}

func addDeclaration(d ast.Decl, names map[string]bool) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			names[d.Name.Name] = true
			return
		}
		receiver := d.Recv.List[0].Type
		ast.Inspect(receiver, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				names[id.Name+"."+d.Name.Name] = true
				return false
			}
			return true
		})
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				for _, id := range spec.Names {
					names[id.Name] = true
				}
			case *ast.TypeSpec:
				names[spec.Name.Name] = true
				addMembers(spec, names)
			}
		}
	}
}

// addMembers adds the fields and interface methods of a type.
func addMembers(spec *ast.TypeSpec, names map[string]bool) {
	var list *ast.FieldList
	switch typ := spec.Type.(type) {
	case *ast.StructType:
		list = typ.Fields
	case *ast.InterfaceType:
		list = typ.Methods
	default:
		return
	}
	for _, field := range list.List {
		for _, id := range field.Names {
			names[spec.Name.Name+"."+id.Name] = true
		}
	}
}

// literals returns all strings in the code. The keys that packages read from tags are among them.
func literals(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, parsed := range sources(t) {
		ast.Inspect(parsed, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				found[strings.Trim(lit.Value, "`\"")] = true
			}
			return true
		})
	}
	return found
}
