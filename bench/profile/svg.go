package main

import (
	"encoding/xml"
	"fmt"
	"regexp"
	"strings"
	"time"
)

const (
	width      = 1000.0 // of the picture's inside, and of all time
	margins    = 10.0
	row        = 17.0 // from one function to its caller
	letter     = 6.3  // the width of one in labels
	largest    = 150 << 10
	smallest   = 0.003 // of all time: what is less is not drawn by itself
	headHeight = 82.0
)

// draw draws the flame graph: a caller below what it calls, as wide as its time. A picture that would be too large is
// drawn with fewer small functions.
func (r recording) draw() []byte {
	for least := smallest; ; least *= 1.5 {
		root := fold(r.stacks)
		shares := root.byOwner()
		root.merge(time.Duration(least * float64(root.total)))
		if svg := r.drawTree(root, shares[:]); len(svg) <= largest {
			return []byte(svg)
		}
	}
}

func (r recording) drawTree(root *node, shares []time.Duration) string {
	height := headHeight + float64(root.depth())*row + margins
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%[1]g" height="%[2]g" role="img">`+"\n", width+2*margins, height)
	fmt.Fprintf(&b, "<title>%s</title>\n", escape("Flame graph of fwatchdog. "+r.what()))
	writeStyle(&b)
	fmt.Fprintf(&b, `<rect class="back" width="100%%" height="100%%"/>`+"\n")
	fmt.Fprintf(&b, `<text class="head" x="%g" y="22">%s</text>`+"\n", margins, escape("Processor time of fwatchdog by function: "+r.what()))
	fmt.Fprintf(&b, `<text class="key" x="%g" y="40">%s</text>`+"\n", margins, "A caller stands below what it calls, as wide as both take. Shares are of what functions take themselves.")
	writeLegend(&b, shares, root.total)
	for _, box := range layOut(root) {
		r.writeBox(&b, box, root.total, height)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// writeStyle gives each owner a class of its number.
func writeStyle(b *strings.Builder) {
	b.WriteString("<style>\ntext{font:11px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#1b1f24}\n" +
		".head{font:bold 14px sans-serif}.key{font:12px sans-serif}.back{fill:#fff}\n")
	for o, about := range owners {
		fmt.Fprintf(b, ".o%d{fill:%s}", o, about.light)
	}
	b.WriteString("\n@media(prefers-color-scheme:dark){text{fill:#f0f3f6}.back{fill:#0d1117}")
	for o, about := range owners {
		fmt.Fprintf(b, ".o%d{fill:%s}", o, about.dark)
	}
	b.WriteString("}\n</style>\n")
}

// writeLegend says whose functions took how much, not counting what they called.
func writeLegend(b *strings.Builder, shares []time.Duration, all time.Duration) {
	x := margins
	for o, about := range owners[:merged] {
		text := fmt.Sprintf("%s %s", about.name, percent(shares[o], all))
		fmt.Fprintf(b, `<rect class="o%d" x="%g" y="53" width="14" height="14"/><text class="key" x="%g" y="64">%s</text>`+"\n", o, x, x+19, escape(text))
		x += 19 + 6.6*float64(len(text)) + 14
	}
}

// box is where a node is drawn: level 0 is the lowest.
type box struct {
	*node
	x, width float64
	level    int
}

// layOut puts children side by side on their parent, beginning at its left.
func layOut(root *node) []box {
	scale := width / max(1, float64(root.total))
	var boxes []box
	var put func(n *node, x float64, level int)
	put = func(n *node, x float64, level int) {
		boxes = append(boxes, box{n, x, float64(n.total) * scale, level})
		for _, c := range n.children {
			put(c, x, level+1)
			x += float64(c.total) * scale
		}
	}
	put(root, margins, 0)
	return boxes
}

func (r recording) writeBox(b *strings.Builder, at box, all time.Duration, height float64) {
	y := height - margins - float64(at.level+1)*row
	fmt.Fprintf(b, `<g><title>%s: %s, %.2f µs a request</title><rect class="o%d" x="%.1f" y="%g" width="%.1f" height="%g" rx="1"/>`,
		escape(at.name), percent(at.total, all), r.each(at.total)/1e3, at.owner, at.x, y, max(0.5, at.width-0.6), row-1)
	if text := label(at.name, int((at.width-6)/letter)); text != "" {
		fmt.Fprintf(b, `<text x="%.1f" y="%g">%s</text>`, at.x+3, y+12, escape(text))
	}
	b.WriteString("</g>\n")
}

// closure is what the names of functions without names end with.
var closure = regexp.MustCompile(`(\.func\d+)+$`)

// label is as much of a function's name as fits: with its package's last word, or without, or its last word, or the
// beginning of that.
func label(function string, letters int) string {
	pkg, name := cut(function)
	name, _, _ = strings.Cut(name, "[")
	name = strings.NewReplacer("(*", "", ")", "").Replace(name)
	long := name
	if pkg != "" {
		long = pkg[strings.LastIndexByte(pkg, '/')+1:] + "." + name
	}
	last := closure.ReplaceAllString(name, "")
	last = last[strings.LastIndexByte(last, '.')+1:]
	for _, fits := range []string{long, name, last} {
		if len(fits) <= letters {
			return fits
		}
	}
	if letters < 4 {
		return ""
	}
	return last[:letters-1] + "…"
}

func percent(t, all time.Duration) string {
	return fmt.Sprintf("%.1f %%", 100*float64(t)/max(1, float64(all)))
}

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}
