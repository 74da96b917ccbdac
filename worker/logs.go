package worker

import (
	"bytes"
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"fwatchdog/internal/logging"
	"fwatchdog/internal/process"
	"fwatchdog/protocol"
)

// The field that says where a line of the function's came from.
const (
	fromStdout = "stdout"
	fromStderr = "stderr"
	fromLog    = "log"
)

// readLines gives emit what comes on a pipe that carries no frames, line by line, until it ends.
func readLines(pipe *os.File, from string, limit int, log *zap.Logger, emit func(line []byte)) {
	if err := process.Lines(&process.Tail{Pipe: pipe}, limit, emit); err != nil {
		log.Debug("worker's output could not be read", zap.String("from", from), zap.Error(err))
	}
}

// readLines writes the lines of a pipe to the log.
func (f *Framed) readLines(pipe *os.File, from string) {
	readLines(pipe, from, f.cfg.LineLimit, f.log, func(line []byte) {
		if f.stacks.take(line) {
			return
		}
		f.said.addLine(from, line)
		f.logLine(from, line)
	})
}

func (f *Framed) logLine(from string, line []byte) {
	if f.flood.pass(f.log, len(line)) {
		logging.Wrote(f.log, from, string(line))
	}
}

// stray takes text that stood where frames should be: what user code printed on a shared pipe. The reader calls it.
// What a process writes that seems to be no worker at all is not worth more than so much of the log.
func (f *Framed) stray(text []byte) {
	f.uncork() // as in handle: the log is next
	f.counts.StrayBytes.Add(uint64(len(text)))
	if n := f.said.addStray(text); n > bannerLimit && !f.talk.greeted {
		f.talk.fail(errBanner)
		return
	}
	_, _ = f.cutter.Write(text) // a Splitter's never fails
}

// strayLine writes a line of such text to the log. A JVM writes its stacks there.
func (f *Framed) strayLine(line []byte) {
	if !f.stacks.take(line) {
		f.logLine(fromStdout, line)
	}
}

// levels are those of LOG in those of the log.
var levels = [...]zapcore.Level{
	protocol.LevelDebug: zapcore.DebugLevel,
	protocol.LevelInfo:  zapcore.InfoLevel,
	protocol.LevelWarn:  zapcore.WarnLevel,
	protocol.LevelError: zapcore.ErrorLevel,
}

// onLog writes what the function logs, with the call id of its request.
func (f *Framed) onLog(id uint32, payload []byte) error {
	level, text, err := protocol.ParseLog(payload)
	if err != nil {
		return err
	}
	var fields []zap.Field
	if id != 0 {
		s, _ := f.find(id)
		if s == nil {
			return errNotOpen
		}
		fields = append(fields, zap.String("call_id", string(s.callID)))
	}
	if !f.flood.pass(f.log, len(text)) {
		return nil
	}
	logging.WroteAt(f.log, levels[level], fromLog, string(bytes.TrimRight(text, "\n")), fields...)
	return nil
}
