package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"fwatchdog/configs"
	"fwatchdog/internal/control"
	"fwatchdog/internal/report"
	"fwatchdog/pool"
)

// statusCommand shows the running instance.
type statusCommand struct {
	Redraw bool `short:"w" help:"Draw it anew every second, until interrupted."`
	JSON   bool `help:"As one JSON document; a line each second with -w."`
}

func (c *statusCommand) run(settings *configs.Settings, _ []string, io streams) error {
	client := control.Client{Path: controlPath(settings)}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	draw := c.drawer(io.out)
	for {
		state, err := client.Status(ctx)
		if err != nil {
			return unlessInterrupted(ctx, err)
		}
		if err := draw(state); err != nil || !c.Redraw {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

// unlessInterrupted is err, or nil when that is only what an interrupt left.
func unlessInterrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// drawer returns what writes a state to out.
func (c *statusCommand) drawer(out io.Writer) func(report.State) error {
	if c.JSON {
		return func(s report.State) error { return json.NewEncoder(out).Encode(s) }
	}
	if !c.Redraw || !isTerminal(out) {
		return func(s report.State) error {
			_, err := io.WriteString(out, statusText(s, 0))
			return err
		}
	}
	return func(s report.State) error {
		_, rows, err := term.GetSize(int(out.(*os.File).Fd()))
		if err != nil {
			rows = 24
		}
		_, err = io.WriteString(out, inPlace(statusText(s, rows-1)))
		return err
	}
}

// inPlace draws text over what was there before: from the first line on, the rest of each line and of the screen cleared.
func inPlace(text string) string {
	const home, clearLine, clearBelow = "\x1b[H", "\x1b[K", "\x1b[J"
	return home + strings.ReplaceAll(text, "\n", clearLine+"\n") + clearBelow
}

// statusText is a state as a person reads it, in lines of at most 80 columns, and in at most rows lines; 0 is no limit.
func statusText(s report.State, rows int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "fwatchdog %s  mode %s  %s for %s  generation %d%s\n", s.Version, s.Mode, s.Phase,
		span(s.UptimeSeconds), s.Pool.Generation, when(s.Pool.Reloading, ", reloading"))
	fmt.Fprintf(&b, "in flight %d of %d  waiting %d  p50 %s  p99 %s\n",
		s.Pool.Inflight, s.Pool.Capacity, s.Pool.Queue, latency(s.Last.P50), latency(s.Last.P99))
	fmt.Fprintf(&b, "requests %s/s  failed %s/s  rejected %s/s\n", amount(s.Last.Rate), amount(s.Last.Failed), amount(s.Last.Rejected))
	if s.Pool.Target == 0 { // a mode without workers
		return b.String()
	}
	b.WriteString(keptText(s))
	if s.ReloadError != "" {
		reason, _, _ := strings.Cut(s.ReloadError, "\n") // the log has the rest
		b.WriteString(cut("last reload failed: "+printable(reason), columns) + "\n")
	}
	fmt.Fprintf(&b, "\n%4s %6s %7s %-8s %7s %6s %-12s %4s %5s %s\n",
		"SLOT", "SERIAL", "PID", "STATE", "BUSY", "SERVED", "MEMORY", "CPU", "AGE", "LAST EXIT")
	shown := s.Workers
	if room := rows - strings.Count(b.String(), "\n"); rows > 0 && len(shown) > room {
		shown = shown[:max(0, room-1)]
	}
	limit := cmp.Or(s.Pool.Hard, s.Pool.Soft)
	for _, w := range shown {
		b.WriteString(workerLine(w, limit))
	}
	if rest := len(s.Workers) - len(shown); rest > 0 {
		fmt.Fprintf(&b, "%4s and %d more\n", "", rest)
	}
	return b.String()
}

// keptText says how many workers there are and should be, and who decides that.
func keptText(s report.State) string {
	ready := 0
	for _, w := range s.Workers {
		if w.State == pool.Ready.String() {
			ready++
		}
	}
	text := fmt.Sprintf("workers ready %d of %d", ready, s.Pool.Target)
	switch {
	case s.Pool.ByHand && s.Pool.OwnMin != s.Pool.OwnMax:
		text += fmt.Sprintf(", by hand: not elastic until scale auto (%d to %d)", s.Pool.OwnMin, s.Pool.OwnMax)
	case s.Pool.ByHand && s.Pool.Target != s.Pool.OwnMin:
		text += fmt.Sprintf(", by hand: scale auto is %d", s.Pool.OwnMin)
	case s.Pool.Min != s.Pool.Max:
		text += fmt.Sprintf(", elastic from %d to %d", s.Pool.Min, s.Pool.Max)
	}
	return text + "\n"
}

// columns is how wide a terminal is at least.
const columns = 80

// cut shortens a text to so many columns.
func cut(text string, columns int) string {
	if letters := []rune(text); len(letters) > columns {
		return string(letters[:columns-1]) + "…"
	}
	return text
}

func workerLine(w report.Worker, limit int64) string {
	row := fmt.Sprintf("%4d %6s %7s %-8s ", w.Slot, orDash(w.Serial), orDash(uint64(w.Pid)), w.State)
	if w.Places > 0 {
		row += fmt.Sprintf("%7s %6s %-12s %4s %5s %s", fmt.Sprintf("%d/%d", w.Inflight, w.Places), amount(float64(w.Requests)),
			bar(w.Memory, limit), fmt.Sprintf("%.0f%%", w.CPU*100), span(w.AgeSeconds), cmp.Or(w.LastReason, "-"))
	} else {
		row += fmt.Sprintf("%7s %6s %-12s %4s %5s %s", "-", "-", bar(w.Memory, limit), "-", "-", cmp.Or(w.LastReason, "-"))
	}
	return strings.TrimRight(row, " ") + "\n"
}

func when(is bool, text string) string {
	if is {
		return text
	}
	return ""
}

func orDash(n uint64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

// bar shows bytes as a part of their limit, and in figures.
func bar(bytes, limit int64) string {
	const cells = 4
	if bytes == 0 {
		return "-"
	}
	if limit == 0 {
		return fmt.Sprintf("%*s %7s", cells, "", bytesText(bytes))
	}
	full := int(min(cells, (bytes*cells+limit/2)/limit))
	return strings.Repeat("#", full) + strings.Repeat(".", cells-full) + fmt.Sprintf(" %7s", bytesText(bytes))
}

// bytesText is a size in at most 7 columns.
func bytesText(n int64) string {
	if n < 10<<30 {
		return fmt.Sprintf("%dMiB", (n+1<<19)>>20)
	}
	return fmt.Sprintf("%dGiB", n>>30)
}

// amount is a number in at most 6 columns.
func amount(n float64) string {
	switch {
	case n < 1e4:
		return fmt.Sprintf("%.0f", n)
	case n < 1e6:
		return fmt.Sprintf("%.1fk", n/1e3)
	case n < 1e9:
		return fmt.Sprintf("%.1fM", n/1e6)
	case n < 1e12:
		return fmt.Sprintf("%.1fG", n/1e9)
	}
	return fmt.Sprintf("%.1fT", n/1e12)
}

// span is a time in seconds, in at most 5 columns.
func span(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02d", int(d.Minutes()), int(d.Seconds())%60)
	case d < 100*time.Hour:
		return fmt.Sprintf("%dh%02d", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd", int(d.Hours())/24)
}

// latency is a short time in seconds; a dash when there is none.
func latency(seconds float64) string {
	switch {
	case seconds == 0:
		return "-"
	case seconds < 0.0995:
		return fmt.Sprintf("%.2gms", seconds*1e3)
	case seconds < 1:
		return fmt.Sprintf("%.0fms", seconds*1e3)
	}
	return fmt.Sprintf("%.1fs", seconds)
}
