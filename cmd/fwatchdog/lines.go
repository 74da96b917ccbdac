package main

import (
	"os"
	"time"

	"go.uber.org/zap"

	"fwatchdog/configs"
	"fwatchdog/internal/logging"
)

// logListening tells that requests are served from now on, in format openfaas with the lines of the OpenFaaS watchdogs.
func logListening(settings *configs.Settings, port int, log *zap.Logger) {
	fields := []zap.Field{zap.Int("port", port), zap.Int("metrics_port", settings.MetricsPort), zap.String("version", version),
		zap.String("mode", string(settings.Mode))}
	if spawners[settings.Mode] != nil {
		fields = append(fields, zap.Int("pool_size", settings.PoolSize))
	}
	fields = append(fields, logging.Line("Version: %v\tSHA: unknown", version))
	end := ""
	switch settings.Mode {
	case "classic":
		end = "."
	case "static":
		fields = append(fields, logging.Line("Serving files at: %s", settings.StaticPath))
		fallthrough
	default:
		fields = append(fields, logging.Line("Watchdog mode: %s\tfprocess: %q", settings.Mode, settings.ProcessText()))
	}
	fields = append(fields, logging.Line("Timeouts: read: %s write: %s hard: %s health: %s%s", settings.ReadTimeout,
		settings.WriteTimeout, settings.ExecTimeout, settings.HealthcheckInterval, end),
		logging.Line("Listening on port: %d", port))
	if settings.MetricsPort != 0 {
		fields = append(fields, logging.Line("Metrics listening on port: %d", settings.MetricsPort))
	}
	if settings.SuppressLock {
		fields = append(fields, logging.Line("Warning: \"suppress_lock\" is enabled. No automated health-checks will be in place for your function."))
	} else {
		fields = append(fields, logging.Line("Writing lock-file to: %s", lockPath()))
	}
	log.Info("listening", fields...)
	tellNearMisses(settings, log)
	warnOfGrace(settings, log)
	warnOfFolder(settings, log)
}

// tellNearMisses tells of variables that were probably meant for a setting. They are no cause for a warning at each start: LOG_LEVEL, say, may
// be meant for the function.
func tellNearMisses(settings *configs.Settings, log *zap.Logger) {
	for _, miss := range settings.NearMisses() {
		log.Info("a variable is not a setting, but nearly", zap.String("variable", miss.Variable), zap.String("setting", miss.Setting))
	}
}

// warnOfFolder tells that mode static has nothing to serve: every answer would be 404. The folder may still come.
func warnOfFolder(settings *configs.Settings, log *zap.Logger) {
	if settings.Mode != "static" {
		return
	}
	if info, err := os.Stat(settings.StaticPath); err != nil || !info.IsDir() {
		log.Warn("there is no folder to serve: set static_path", zap.String("static_path", settings.StaticPath))
	}
}

// usualGrace is how long Kubernetes and faasd wait between SIGTERM and SIGKILL unless they are told otherwise.
const usualGrace = 30 * time.Second

// warnOfGrace tells when the stop may last longer than platforms wait.
func warnOfGrace(settings *configs.Settings, log *zap.Logger) {
	stop := settings.Stop()
	if longest := max(0, stop.Pause) + stop.Longest; longest > usualGrace {
		log.Warn("stop may last longer than the 30s that platforms usually wait: lower healthcheck_interval or write_timeout",
			zap.Duration("healthcheck_interval", stop.Pause), zap.Duration("write_timeout", stop.Longest))
	}
}

// logStopping tells of the signal that ends the instance.
func logStopping(settings *configs.Settings, signal string, log *zap.Logger) {
	fields := []zap.Field{zap.String("signal", signal), zap.Duration("pause", settings.HealthcheckInterval),
		logging.Line("SIGTERM: no new connections in %s", settings.HealthcheckInterval)}
	if !settings.SuppressLock {
		fields = append(fields, logging.Line("Removing lock-file : %s", lockPath()))
	}
	log.Info("stopping", fields...)
}
