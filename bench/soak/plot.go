package main

import (
	"fmt"
	"image/color"
	"os"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

var blue = color.RGBA{0x1b, 0x6c, 0xa8, 0xff}

// drawTo draws what must be flat, one below the other, and below that how many workers were started.
func drawTo(name string, samples []sample) error {
	plots := make([][]*plot.Plot, 0, len(measures)+1)
	for _, m := range measures {
		title := m.name
		if m.unit != "" {
			title += ", " + m.unit
		}
		row, err := line("the watchdog's "+title, samples, m.of)
		if err != nil {
			return err
		}
		plots = append(plots, []*plot.Plot{row})
	}
	starts, err := line("workers started so far", samples, func(s sample) float64 { return s.starts })
	if err != nil {
		return err
	}
	starts.X.Label.Text = "minutes"
	plots = append(plots, []*plot.Plot{starts})

	canvas := vgsvg.New(9*vg.Inch, 9*vg.Inch)
	dc := draw.New(canvas)
	dc.SetColor(color.White)
	dc.Fill(dc.Rectangle.Path())
	tiles := draw.Tiles{Rows: len(plots), Cols: 1, PadY: 12, PadTop: 8, PadBottom: 8, PadLeft: 8, PadRight: 16}
	for row, places := range plot.Align(plots, tiles, dc) {
		plots[row][0].Draw(places[0])
	}
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	if _, err := canvas.WriteTo(file); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return file.Close()
}

// line draws one figure over time, from 0 up.
func line(title string, samples []sample, of func(sample) float64) (*plot.Plot, error) {
	points := make(plotter.XYs, 0, len(samples))
	for _, s := range samples {
		points = append(points, plotter.XY{X: s.at.Minutes(), Y: of(s)})
	}
	curve, err := plotter.NewLine(points)
	if err != nil {
		return nil, fmt.Errorf("draw %s: %w", title, err)
	}
	curve.Color, curve.Width = blue, vg.Points(1.2)
	p := plot.New()
	p.Title.Text = title
	p.Title.TextStyle.Font.Size = vg.Points(11)
	p.Y.Min = 0
	p.Add(plotter.NewGrid(), curve)
	return p, nil
}
