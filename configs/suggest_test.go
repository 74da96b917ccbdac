package configs

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVariablesThatAreNearlySettingsAreFound(t *testing.T) {
	for _, c := range []struct {
		variable string
		want     []NearMiss
	}{
		{"POOL_SIZE=3", []NearMiss{{"POOL_SIZE", "pool_size"}}},
		{"pool-size=3", nil}, // no shell has such a variable
		{"cool_size=3", nil}, // might be anything
		{"pool_sise=3", []NearMiss{{"pool_sise", "pool_size"}}},
		{"Exec_Timout=3s", []NearMiss{{"Exec_Timout", "exec_timeout"}}},
		{"max_inflight=3", nil}, // a setting
		{"max_infligt=", nil},   // not set
		{"worker_memory_sort=64m", []NearMiss{{"worker_memory_sort", "worker_memory_soft"}}},
		{"worker_memory_=64m", nil}, // as far from one as from another
		{"pool_mix=3", nil},         // pool_min or pool_max
		{"PORTS=80", nil},           // a word
		{"http_proxy=http://a", nil}, {"HTTPS_PROXY=http://a", nil}, {"no_proxy=a", nil},
		{"NODE_ENV=production", nil}, {"JAVA_HOME=/a", nil}, {"KUBERNETES_SERVICE_PORT=443", nil}, {"OPENFAAS_NAME=a", nil},
		{"PYTHON_VERSION=3.11.7", nil}, {"OTEL_SERVICE_NAME=a", nil}, {"GODEBUG=a", nil}, {"FUNCTION_NAME=a", nil},
	} {
		settings, err := input{environ: []string{c.variable}}.check(t)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, settings.NearMisses()); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", c.variable, diff)
		}
	}
}

func TestAVariableIsNoNearMissWhereItsSettingIsSet(t *testing.T) {
	for name, in := range map[string]input{
		"by another variable": {environ: []string{"LOG_LEVEL=debug", "log_level=warn"}},
		"by a flag":           {environ: []string{"LOG_LEVEL=debug"}, args: []string{"--log-level=warn"}},
		"by the file":         {environ: []string{"LOG_LEVEL=debug"}, file: "log_level: warn"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := in.settings(t).NearMisses(); got != nil {
				t.Errorf("near misses: %v", got)
			}
		})
	}
}
