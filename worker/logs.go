package worker

import (
	"bytes"

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

// readStderr writes the worker's stderr to the log, line by line, until it ends.
func (f *Framed) readStderr() {
	defer f.readers.Done()
	err := process.Lines(f.proc.Stderr, f.cfg.LineLimit, func(line []byte) {
		f.said.addStderr(line)
		f.logLine(fromStderr, line)
	})
	if err != nil {
		f.log.Debug("worker's stderr could not be read", zap.Error(err))
	}
}

// readStdout does the same with a stdout that carries no frames.
func (f *Framed) readStdout() {
	defer f.readers.Done()
	err := process.Lines(f.proc.Stdout, f.cfg.LineLimit, func(line []byte) { f.logLine(fromStdout, line) })
	if err != nil {
		f.log.Debug("worker's stdout could not be read", zap.Error(err))
	}
}

func (f *Framed) logLine(from string, line []byte) {
	f.log.Info("function wrote", zap.String("from", from), zap.ByteString("line", line))
}

// stray takes text that stood where frames should be: what user code printed on a shared pipe. The reader calls it.
func (f *Framed) stray(text []byte) {
	if n := f.said.addStray(text); n > bannerLimit && !f.talk.greeted {
		f.talk.fail(errBanner)
	}
	f.counts.StrayBytes.Add(uint64(len(text)))
	_, _ = f.cutter.Write(text) // a Splitter's never fails
}

// levels are those of LOG in those of the log.
var levels = [...]zapcore.Level{
	protocol.LevelDebug: zapcore.DebugLevel,
	protocol.LevelInfo:  zapcore.InfoLevel,
	protocol.LevelWarn:  zapcore.WarnLevel,
	protocol.LevelError: zapcore.ErrorLevel,
}

// logFrame writes what the function logs, with the call id of its request.
func (f *Framed) logFrame(id uint32, payload []byte) error {
	level, text, err := protocol.ParseLog(payload)
	if err != nil {
		return err
	}
	fields := []zap.Field{zap.String("from", fromLog), zap.ByteString("line", bytes.TrimRight(text, "\n"))}
	f.mu.Lock()
	if s := f.streams[id]; s != nil {
		fields = append(fields, zap.String("call_id", string(s.callID)))
	}
	f.mu.Unlock()
	f.log.Log(levels[level], "function wrote", fields...)
	return nil
}
