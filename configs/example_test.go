package configs_test

import (
	"fmt"

	"github.com/spf13/pflag"

	"fwatchdog/configs"
)

// A program adds a flag for each setting to its own, and reads the settings once these have been parsed.
func ExampleNewSource() {
	source := configs.NewSource([]string{"fprocess=node 'my handler.js'", "queue_timeout=90", "pool_size=many"})
	flags := pflag.NewFlagSet("program", pflag.ContinueOnError)
	source.AddFlags(flags)
	if err := flags.Parse([]string{"--exec-timeout=1.5", "--port=80a"}); err != nil {
		panic(err)
	}

	settings, err := source.Read()

	fmt.Println(err)
	fmt.Println(settings.QueueTimeout, settings.ExecTimeout)
	// Output:
	// port is "80a" (flag): it must be a whole number
	// pool_size is "many" (environment): it must be a whole number
	// 1m30s 1.5s
}

func ExampleSettings_Command() {
	settings := configs.Settings{Fprocess: `node --title="my function" index.js`}
	words, err := settings.Command()
	fmt.Printf("%q %v\n", words, err)
	// Output: ["node" "--title=my function" "index.js"] <nil>
}

func ExampleText() {
	fmt.Print(configs.Text([]configs.Row{
		{Name: "pool_size", Default: "number of CPUs", Value: "4", Origin: configs.Default, Meaning: "Workers kept ready.", Group: "Pool"},
		{Name: "queue_timeout", Default: "10s", Value: "1m30s", Origin: configs.Environment, Meaning: "The longest wait.", Group: "Pool"},
	}))
	// Output:
	// Pool
	//   pool_size      4      default (number of CPUs)
	//       Workers kept ready.
	//   queue_timeout  1m30s  environment (default 10s)
	//       The longest wait.
}
