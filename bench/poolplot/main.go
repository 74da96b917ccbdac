// Command poolplot draws what the simulation of an elastic pool found: for each scene the wait of requests and the number
// of workers over time, of the elastic pool and of fixed ones. `make plots` runs both.
package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"image/color"
	"os"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "poolplot:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: poolplot FOUND.csv PICTURE.svg")
	}
	scenes, err := read(args[0])
	if err != nil {
		return err
	}
	return drawTo(args[1], scenes)
}

// scene is one kind of load and what it did to each pool.
type scene struct {
	name  string
	pools map[string]*series
}

// series is one pool, second by second: waits in milliseconds.
type series struct{ p50, p99, workers plotter.XYs }

// read reads rows of scene, pool, second, p50, p99, workers.
func read(name string) ([]*scene, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	var scenes []*scene
	for n, row := range rows {
		if len(row) != 6 {
			return nil, fmt.Errorf("%s, row %d has %d fields and not 6", name, n+1, len(row))
		}
		at := slices.IndexFunc(scenes, func(s *scene) bool { return s.name == row[0] })
		if at < 0 {
			at = len(scenes)
			scenes = append(scenes, &scene{name: row[0], pools: map[string]*series{}})
		}
		if err := scenes[at].add(row[1], row[2:]); err != nil {
			return nil, fmt.Errorf("%s, row %d: %w", name, n+1, err)
		}
	}
	return scenes, nil
}

func (s *scene) add(pool string, row []string) error {
	var v [4]float64
	for n, text := range row {
		number, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return err
		}
		v[n] = number
	}
	if s.pools[pool] == nil {
		s.pools[pool] = new(series)
	}
	p, minute := s.pools[pool], v[0]/60
	p.p50 = append(p.p50, plotter.XY{X: minute, Y: v[1]})
	p.p99 = append(p.p99, plotter.XY{X: minute, Y: v[2]})
	p.workers = append(p.workers, plotter.XY{X: minute, Y: v[3]})
	return nil
}

// styles are how the pools are drawn, in this order.
var styles = []struct {
	pool, legend string
	color        color.RGBA
}{
	{"large", "fixed, as large as the elastic one may be", color.RGBA{0x9a, 0x9a, 0x9a, 0xff}},
	{"small", "fixed, just large enough", color.RGBA{0xd9, 0x5f, 0x02, 0xff}},
	{"elastic", "elastic", color.RGBA{0x1b, 0x6c, 0xa8, 0xff}},
}

// drawTo draws the scenes side by side, the waits above the workers.
func drawTo(name string, scenes []*scene) error {
	plots := make([][]*plot.Plot, 2)
	for _, s := range scenes {
		waits, workers := s.waits(), s.workers()
		plots[0], plots[1] = append(plots[0], waits), append(plots[1], workers)
	}
	canvas := vgsvg.New(vg.Length(len(scenes))*6.5*vg.Inch, 6*vg.Inch)
	dc := draw.New(canvas)
	dc.SetColor(color.White)
	dc.Fill(dc.Rectangle.Path())
	tiles := draw.Tiles{Rows: 2, Cols: len(scenes), PadX: 16, PadY: 14, PadTop: 8, PadBottom: 8, PadLeft: 8, PadRight: 16}
	for row, places := range plot.Align(plots, tiles, dc) {
		for col, place := range places {
			plots[row][col].Draw(place)
		}
	}
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = canvas.WriteTo(file)
	return errors.Join(err, file.Close())
}

func (s *scene) waits() *plot.Plot {
	p := empty(s.name, "wait in ms (full: p99, dotted: p50)")
	for _, style := range styles {
		if found := s.pools[style.pool]; found != nil {
			p.Add(line(found.p50, style.color, vg.Points(2), vg.Points(3)))
			full := line(found.p99, style.color)
			p.Add(full)
			p.Legend.Add(style.legend, full)
		}
	}
	p.Y.Max *= 1.5 // room for the legend
	return p
}

func (s *scene) workers() *plot.Plot {
	p := empty("", "workers")
	p.X.Label.Text = "minutes"
	for _, style := range styles {
		if found := s.pools[style.pool]; found != nil {
			p.Add(line(found.workers, style.color))
		}
	}
	p.Y.Max++
	return p
}

func empty(title, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.Y.Label.Text = title, y
	p.Title.TextStyle.Font.Variant = font.Variant("Sans")
	p.Y.Label.TextStyle.Font.Variant = font.Variant("Sans")
	p.X.Label.TextStyle.Font.Variant = font.Variant("Sans")
	p.Legend.TextStyle.Font.Variant = font.Variant("Sans")
	p.X.Tick.Label.Font.Variant, p.Y.Tick.Label.Font.Variant = font.Variant("Sans"), font.Variant("Sans")
	p.Y.Min = 0
	p.Legend.Top, p.Legend.Padding = true, vg.Points(1.5)
	p.Add(plotter.NewGrid())
	return p
}

// line draws points; dashes are the lengths of strokes and gaps.
func line(points plotter.XYs, c color.Color, dashes ...vg.Length) *plotter.Line {
	l := &plotter.Line{XYs: points, LineStyle: plotter.DefaultLineStyle}
	l.Color, l.Width, l.Dashes = c, vg.Points(1.2), dashes
	return l
}
