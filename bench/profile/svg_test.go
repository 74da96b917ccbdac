package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// rects are those of a picture that stand for functions, by y. The picture must be well-formed.
func rects(t *testing.T, svg []byte) map[float64][][2]float64 {
	t.Helper()
	found := map[float64][][2]float64{}
	for decoder := xml.NewDecoder(strings.NewReader(string(svg))); ; {
		token, err := decoder.Token()
		if err == io.EOF {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != "rect" {
			continue
		}
		value := map[string]float64{}
		for _, a := range start.Attr {
			value[a.Name.Local], _ = strconv.ParseFloat(a.Value, 64) // those that are numbers
		}
		if value["rx"] > 0 {
			found[value["y"]] = append(found[value["y"]], [2]float64{value["x"], value["width"]})
		}
	}
}

func TestThePictureIsWellFormedAndNothingInARowOverlaps(t *testing.T) {
	stacks := append(sampled(), took("a > fwatchdog/pool.F[go.shape.<&\"'>]", 10))
	rows := rects(t, recorded(stacks).draw())
	if len(rows) != 4 {
		t.Errorf("%d rows for three functions on one another and the lowest", len(rows))
	}
	for y, row := range rows {
		slices.SortFunc(row, func(a, b [2]float64) int { return int(math.Copysign(1, a[0]-b[0])) })
		end := margins
		for _, r := range row {
			if r[0] < end-0.11 { // as numbers are rounded
				t.Errorf("at %g one begins at %g, before the last ends at %g", y, r[0], end)
			}
			end = r[0] + r[1]
		}
		if end > margins+width {
			t.Errorf("at %g it is %g wide", y, end)
		}
	}
}

func TestWidthsAddUp(t *testing.T) {
	root := fold(sampled())
	root.merge(3)
	boxes := layOut(root)
	if boxes[0].width != width {
		t.Errorf("all is %g wide", boxes[0].width)
	}
	byNode := map[*node]box{}
	for _, b := range boxes {
		byNode[b.node] = b
	}
	for _, b := range boxes {
		x, sum := b.x, width*float64(b.self)/float64(root.total)
		for _, c := range b.children {
			child := byNode[c]
			if math.Abs(child.x-x) > 1e-9 || child.level != b.level+1 {
				t.Errorf("%s stands at %g and not at %g", c.name, child.x, x)
			}
			x += child.width
			sum += child.width
		}
		if math.Abs(sum-b.width) > 1e-9 {
			t.Errorf("%s is %g wide, its own and its children %g", b.name, b.width, sum)
		}
	}
}

func TestAPictureStaysSmall(t *testing.T) {
	var stacks []stack
	for i := range 300 {
		path := fmt.Sprintf("fwatchdog/pool.f%d", i)
		for depth := range 30 {
			path += fmt.Sprintf(" > fwatchdog/pool.f%dAt%d", i, depth)
		}
		stacks = append(stacks, took(path, time.Duration(1000+i)))
	}
	if svg := recorded(stacks).draw(); len(svg) > largest {
		t.Errorf("it has %d bytes", len(svg))
	}
}

func TestLabelsSayAsMuchAsFits(t *testing.T) {
	const function = "fwatchdog/worker.(*Framed).open"
	for _, c := range []struct {
		function string
		letters  int
		want     string
	}{
		{function, 30, "worker.Framed.open"},
		{function, 18, "worker.Framed.open"},
		{function, 17, "Framed.open"},
		{function, 5, "open"},
		{"fwatchdog/worker.(*Framed).unlockAndFlush", 6, "unloc…"},
		{function, 3, ""},
		{function, -1, ""},
		{"sync.(*WaitGroup).Go.func1", 6, "Go"},
		{"fwatchdog/pool.each[fwatchdog/worker.Framed]", 40, "pool.each"},
		{"kernel.write", 8, "write"},
		{"indexbytebody", 20, "indexbytebody"},
	} {
		if got := label(c.function, c.letters); got != c.want {
			t.Errorf("%s in %d letters: got %q, want %q", c.function, c.letters, got, c.want)
		}
	}
}
