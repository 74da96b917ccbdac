package worker

import (
	"bytes"
	"io"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"fwatchdog/internal/process"
	"fwatchdog/protocol"
)

// The field that says where a line of the function's came from.
const (
	fromStdout = "stdout"
	fromStderr = "stderr"
	fromLog    = "log"
)

// readLines writes what comes on a pipe that carries no frames to the log, line by line, until it ends.
func (f *Framed) readLines(pipe io.Reader, from string) {
	err := process.Lines(pipe, f.cfg.LineLimit, func(line []byte) {
		if from == fromStderr {
			f.said.addStderr(line)
		}
		f.logLine(from, line)
	})
	if err != nil { // a grandchild of a dead worker holds the pipe
		f.log.Debug("worker's output could not be read", zap.String("from", from), zap.Error(err))
	}
}

func (f *Framed) logLine(from string, line []byte) {
	f.log.Info("function wrote", zap.String("from", from), zap.String("line", string(line)))
}

// stray takes text that stood where frames should be: what user code printed on a shared pipe. The reader calls it.
// What a process writes that seems to be no worker at all is not worth more than so much of the log.
func (f *Framed) stray(text []byte) {
	f.counts.StrayBytes.Add(uint64(len(text)))
	if n := f.said.addStray(text); n > bannerLimit && !f.talk.greeted {
		f.talk.fail(errBanner)
		return
	}
	_, _ = f.cutter.Write(text) // a Splitter's never fails
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
	fields := []zap.Field{zap.String("from", fromLog), zap.String("line", string(bytes.TrimRight(text, "\n")))}
	if id != 0 {
		s, _ := f.find(id)
		if s == nil {
			return errNotOpen
		}
		fields = append(fields, zap.String("call_id", string(s.callID)))
	}
	f.log.Log(levels[level], "function wrote", fields...)
	return nil
}
