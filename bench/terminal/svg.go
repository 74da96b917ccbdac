package main

import (
	"cmp"
	"fmt"
	"html"
	"regexp"
	"strings"
	"time"
)

// The picture is a window with one film for each pane: all its screens hang one below the other, and an animation moves them
// past an opening of the height of one. A line that several screens show is written once.

const (
	cell   = 8.0  // of a character
	line   = 18.0 // of a row
	margin = 14.0
	bar    = 30.0 // at the top of the window
	size   = 13.3 // of the type
)

// colours are those of the escape sequences 30 to 37 and 90 to 97.
var colours = map[string]string{"31": "#ff7b72", "32": "#7ee787", "33": "#e3b341", "34": "#79c0ff", "35": "#d2a8ff", "36": "#76e3ea", "90": "#8b949e"}

const style = `text{font:%gpx ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace;fill:#e6edf3;white-space:pre}
@media (prefers-reduced-motion:reduce){.f{animation-play-state:paused!important;animation-delay:-%.1fs!important}}
`

// draw is the whole picture.
func draw(films []recording) []byte {
	var defs, body strings.Builder
	known := map[string]string{}
	length := films[0].length
	top := bar
	fmt.Fprintf(&defs, style, size, length.Seconds()*0.99)
	for n, film := range films {
		height := float64(film.rows)*line + margin
		if n > 0 {
			fmt.Fprintf(&body, `<path d="M0 %g H%g" stroke="#30363d"/>`+"\n", top, width())
		}
		fmt.Fprintf(&body, `<svg x="%g" y="%g" width="%g" height="%g"><g class="f" style="animation:f%d %.1fs step-end infinite">`+"\n",
			margin, top, width()-margin, height, n, length.Seconds())
		fmt.Fprintf(&defs, "@keyframes f%d{", n)
		for k, s := range film.scenes {
			from := s.from
			if k == 0 {
				from = 0
			}
			fmt.Fprintf(&defs, "%.2f%%{transform:translateY(-%gpx)}", percent(from, length), float64(k)*height)
			drawScreen(&body, s.text, float64(k)*height, known)
		}
		defs.WriteString("}\n")
		body.WriteString("</g></svg>\n")
		top += height
	}
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]g %[2]g" width="%[1]g" height="%[2]g" role="img" xml:space="preserve">
<title>A session in a terminal: a function is started, called and put under load; a worker is killed and comes back; a reload replaces all</title>
<style>%[3]s</style>
<rect x=".5" y=".5" width="%[4]g" height="%[5]g" rx="8" fill="#0d1117" stroke="#30363d"/>
<circle cx="18" cy="16" r="5" fill="#f85149"/><circle cx="36" cy="16" r="5" fill="#d29922"/><circle cx="54" cy="16" r="5" fill="#3fb950"/>
`, width(), top, defs.String(), width()-1, top-1)
	out.WriteString(body.String() + "</svg>\n")
	return []byte(out.String())
}

func width() float64 { return columns*cell + 2*margin }

func percent(at, of time.Duration) float64 { return 100 * at.Seconds() / of.Seconds() }

// drawScreen writes the lines of a screen. known are the lines that were written before, by their text.
func drawScreen(body *strings.Builder, text string, top float64, known map[string]string) {
	for row, content := range strings.Split(text, "\n") {
		y := top + float64(row+1)*line
		content = strings.TrimRight(content, " ")
		id, again := known[content]
		switch marked, length := markup(content); {
		case length == 0:
		case again:
			fmt.Fprintf(body, `<use href="#%s" y="%g"/>`+"\n", id, y)
		default:
			id = fmt.Sprintf("l%d", len(known))
			known[content] = id
			fmt.Fprintf(body, `<g transform="translate(0 %g)"><text id="%s" textLength="%g">%s</text></g>`+"\n", y, id, float64(length)*cell, marked)
		}
	}
}

var escape = regexp.MustCompile("\x1b\\[([0-9;]*)m|\x1b[()][A-Z0-9]|[\x0e\x0f]")

// markup is a line of a terminal in SVG, and how many characters it shows.
func markup(text string) (marked string, length int) {
	var b strings.Builder
	colour, from := "", 0
	show := func(piece string) {
		length += len([]rune(piece))
		piece = html.EscapeString(piece)
		if colour != "" && piece != "" {
			piece = `<tspan fill="` + colour + `">` + piece + `</tspan>`
		}
		b.WriteString(piece)
	}
	for _, at := range escape.FindAllStringSubmatchIndex(text, -1) {
		show(text[from:at[0]])
		from = at[1]
		if at[2] >= 0 {
			colour = cmp.Or(colours[text[at[2]:at[3]]], "")
		}
	}
	show(text[from:])
	return b.String(), length
}
