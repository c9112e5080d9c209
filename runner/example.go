package runner

import (
	"strings"

	"github.com/spf13/cobra"
)

// examples are the examples in the help of commands, keyed by the command's path below the program.
// PROGRAM stands for the program's name. Those of a program of services are under "program".
var examples = map[string]string{
	"": `PROGRAM new greeting
PROGRAM run ./examples/helloworld
PROGRAM call greeting_service.hello name=Julio
PROGRAM broker`,
	"new": `PROGRAM new orders
PROGRAM new pdf-maker --with http,jobs
PROGRAM new shop/orders --with http,events,jobs,postgres --module example.com/shop/orders`,
	"build": `PROGRAM build . -o bin/orders
GOOS=linux GOARCH=arm64 PROGRAM build ./orders -o bin/orders --version v1.4.2`,
	"systemd": `PROGRAM systemd ./orders --config config.yaml > orders.service
PROGRAM systemd ./orders --procs 4 --user orders --exec /opt/orders/orders`,
	"k8s": `PROGRAM k8s ./orders --config config.yaml --image registry.example.org/orders:v1.4.2 > orders.yaml
PROGRAM k8s ./orders --config config.yaml --replicas 4 | kubectl apply -f -`,
	"compose": `PROGRAM compose ./orders --config config.yaml > compose.yaml`,
	"run": `PROGRAM run .
PROGRAM run ./orders ./users:Users --config config.yaml
PROGRAM run ./orders --reload
PROGRAM run ./orders --procs 4 --respawn 10/5s
PROGRAM run example.org/shop/orders --broker amqp://guest:guest@localhost:5672/
PROGRAM run ./examples/jobs --only talk.Timed,talk.Logger`,
	"shell": `PROGRAM shell
PROGRAM shell orders.star 2026 --broker @/run/secrets/broker
echo 'print(n.rpc.greeting_service.hello("Julio"))' | PROGRAM shell`,
	"call": `PROGRAM call greeting_service.hello Julio
PROGRAM call orders.create_order items='[{"id": 7}]' note='"7"' --timeout 5s
PROGRAM call orders.get_order 7 --data user_id=7 --broker amqp://guest:guest@localhost:5672/`,
	"dispatch": `PROGRAM dispatch users user_deleted '{"id": 7}'
echo '{"id": 7}' | PROGRAM dispatch users user_deleted - --data user_id=7`,
	"publish": `PROGRAM publish shop order.created '{"id": 7}'
PROGRAM publish '' bills '"a message for the queue bills"'`,
	"describe": `PROGRAM describe .
PROGRAM describe ./orders:Orders --json | jq .rows
PROGRAM describe orders.get_order --broker amqp://guest:guest@localhost:5672/`,
	"program describe": `PROGRAM describe
PROGRAM describe orders.get_order --json`,
	"doctor": `PROGRAM doctor
PROGRAM doctor ./orders --config config.yaml --management @/run/secrets/management
PROGRAM doctor ./orders --json | jq -r 'select(.level == "problem") | .remedy'`,
	"program doctor": `PROGRAM doctor --config config.yaml
PROGRAM doctor --management http://guest:guest@rabbitmq:15672 --strict`,
	"panel":       `PROGRAM panel --listen 127.0.0.1:8080`,
	"panel key":   `PROGRAM panel key > panel.pub`,
	"panel user":  `PROGRAM panel user ls`,
	"panel group": `PROGRAM panel group tree`,
	"panel user add": `PROGRAM panel user add root --superuser
echo 'correct horse battery' | PROGRAM panel user add ann --group control_panel/dashboard --group reports`,
	"panel user ls":      `PROGRAM panel user ls --json | jq -r 'select(.superuser) | .name'`,
	"panel user groups":  `PROGRAM panel user groups ann --add control_panel/dashboard --remove reports`,
	"panel user passwd":  `PROGRAM panel user passwd ann`,
	"panel user disable": `PROGRAM panel user disable ann`,
	"panel user enable":  `PROGRAM panel user enable ann`,
	"panel user link":    `PROGRAM panel user link ann --issuer https://id.example.org --subject 248289761001`,
	"panel user unlink":  `PROGRAM panel user unlink ann`,
	"panel user token":   `PROGRAM panel user token ann --note "nightly report" --days 30`,
	"panel user tokens":  `PROGRAM panel user tokens ann --json | jq -r .id`,
	"panel user revoke":  `PROGRAM panel user revoke ab3de5gh7j`,
	"panel run": `PROGRAM panel run reports.month month=2026-11
PROGRAM panel run reports.month month=2026-11 --detach --token @/run/secrets/token`,
	"panel group add":  `PROGRAM panel group add control_panel/dashboard`,
	"panel group rm":   `PROGRAM panel group rm control_panel/dashboard`,
	"panel group tree": `PROGRAM panel group tree`,
	"panel audit": `PROGRAM panel audit --since 24h
PROGRAM panel audit --action login --json | jq 'select(.failed)'`,
	"broadcast": `PROGRAM broadcast orders order_created '{"id": "a1"}'
PROGRAM broadcast news told rain --broker amqp://guest:guest@localhost:5672/`,
	"services": `PROGRAM services
PROGRAM services orders --json | jq .instance`,
	"stats": `PROGRAM stats
PROGRAM stats orders --watch`,
	"health": `PROGRAM health
PROGRAM health orders || echo something is wrong`,
	"dump": `PROGRAM dump orders
PROGRAM dump orders/vm1/4711-9f3c --json | jq .call_id`,
	"level":       `PROGRAM level orders debug --for 5m`,
	"show-config": `PROGRAM show-config --config config.yaml`,
	"broker": `PROGRAM broker
PROGRAM broker --listen 127.0.0.1:5673 --management 127.0.0.1:15672
PROGRAM broker --config broker.yaml`,
	"front": `PROGRAM front shop --listen :8080
PROGRAM front shop --config config.yaml --broker amqp://guest:guest@localhost:5672/`,
	"broker status": `PROGRAM broker status
PROGRAM broker status --management http://guest:guest@rabbitmq:15672`,
	"cron": `PROGRAM cron ls
PROGRAM cron pause reports.Nightly
PROGRAM cron next '30 2 * * *' --tz Europe/Madrid`,
	"cron ls": `PROGRAM cron ls
PROGRAM cron ls --json | jq .next`,
	"cron next": `PROGRAM cron next '30 2 * * *' --tz Europe/Madrid
PROGRAM cron next '*/15 9-17 * * MON-FRI' -n 3 --json`,
	"cron run":    `PROGRAM cron run reports.Nightly`,
	"cron pause":  `PROGRAM cron pause reports.Nightly`,
	"cron resume": `PROGRAM cron resume reports.Nightly`,
	"cron forget": `PROGRAM cron forget reports.Weekly`,
	"dead": `PROGRAM dead
PROGRAM dead show bills 3f2a9c1e
PROGRAM dead retry bills --error "no table" --rate 50/s
PROGRAM dead export bills > bills.ndjson`,
	"dead ls": `PROGRAM dead ls bills
PROGRAM dead ls bills --error timeout --since 2h
PROGRAM dead ls bills --json | jq -r .id`,
	"dead show": `PROGRAM dead show bills 3f2a9c1e
PROGRAM dead show bills --error "no table" --json | jq .body`,
	"dead retry": `PROGRAM dead retry bills 3f2a9c1e
PROGRAM dead retry bills 3f2a9c1e --edit
PROGRAM dead retry bills --all --rate 10/s`,
	"dead drop": `PROGRAM dead drop bills 3f2a9c1e
PROGRAM dead drop bills --error "order #: unknown"`,
	"dead export": `PROGRAM dead export bills > bills.ndjson`,
	"dead import": `PROGRAM dead import < bills.ndjson`,
	"jobs": `PROGRAM jobs ls --state failed
PROGRAM jobs enqueue images.resize http://example.org/a.png width=300
PROGRAM jobs retry 3f2a9c1e-52a0-4a0e-9d0e-0d7f6a1f8e11 --edit`,
	"jobs ls": `PROGRAM jobs ls
PROGRAM jobs ls images.resize --state failed,cancelled --json | jq -r .id
PROGRAM jobs ls --counts`,
	"jobs resources": `PROGRAM jobs resources
PROGRAM jobs resources printer-1 --json`,
	"jobs show":   `PROGRAM jobs show 3f2a9c1e-52a0-4a0e-9d0e-0d7f6a1f8e11 --json | jq .payload`,
	"jobs wait":   `PROGRAM jobs wait 3f2a9c1e-52a0-4a0e-9d0e-0d7f6a1f8e11 --timeout 5m`,
	"jobs cancel": `PROGRAM jobs cancel 3f2a9c1e-52a0-4a0e-9d0e-0d7f6a1f8e11`,
	"jobs retry":  `PROGRAM jobs retry 3f2a9c1e-52a0-4a0e-9d0e-0d7f6a1f8e11 --edit`,
	"jobs enqueue": `PROGRAM jobs enqueue images.resize http://example.org/a.png width=300
PROGRAM jobs enqueue reports.month 2026-01 --in 2h --priority 5`,
	"jobs payload": `PROGRAM jobs payload images.resize http://example.org/a.png width=300
PROGRAM jobs payload images.resize http://example.org/a.png --for curl | sh`,
	"jobs migrate": `PROGRAM jobs migrate --store @/run/secrets/jobs`,
	"jobs prune":   `PROGRAM jobs prune --keep 30d`,
	"topology": `PROGRAM topology --management http://guest:guest@rabbitmq:15672
PROGRAM topology --all --json | jq .name`,
	"topology permissions": `PROGRAM topology permissions ./orders --broker amqp://rabbitmq/shop
PROGRAM topology permissions ./orders:Orders ./users --user orders --json`,
	"program topology permissions": `PROGRAM topology permissions --config config.yaml
PROGRAM topology permissions --user orders --json`,
	"topology prune": `PROGRAM topology prune --management @/run/secrets/management`,
	"completion": `PROGRAM completion bash > /etc/bash_completion.d/PROGRAM
source <(PROGRAM completion zsh)`,
	"completion bash":       `source <(PROGRAM completion bash)`,
	"completion zsh":        `source <(PROGRAM completion zsh)`,
	"completion fish":       `PROGRAM completion fish | source`,
	"completion powershell": `PROGRAM completion powershell | Out-String | Invoke-Expression`,
	"help":                  `PROGRAM help call`,
	"program": `PROGRAM
PROGRAM --procs 4 --user orders:www
PROGRAM --config config.yaml --log-level debug
PROGRAM --broker amqp://guest:guest@localhost:5672/`,
	"program run": `PROGRAM run --config config.yaml
PROGRAM run --broker embedded`,
}

// addExamples adds the examples to the help of root and its commands. kind is "program", or "" for
// the command gomeko.
func addExamples(root *cobra.Command, kind string) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	var add func(cmd *cobra.Command)
	add = func(cmd *cobra.Command) {
		path := strings.TrimSpace(strings.TrimPrefix(cmd.CommandPath(), root.Name()))
		text, ok := examples[strings.TrimSpace(kind+" "+path)]
		if !ok {
			text = examples[path]
		}
		if cmd.Example == "" {
			text = strings.ReplaceAll(text, "PROGRAM", root.Name())
			cmd.Example = "  " + strings.ReplaceAll(text, "\n", "\n  ")
		}
		for _, below := range cmd.Commands() {
			add(below)
		}
	}
	add(root)
}
