package main

import (
	"image/color"
	"path/filepath"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"

	"fwatchdog/bench/systems"
)

var (
	oursColour   = color.RGBA{0x25, 0x63, 0xc9, 0xff}
	othersColour = color.RGBA{0x9a, 0xa5, 0xb4, 0xff}
)

// plots are what is drawn of a scenario beside its throughput.
type plots struct {
	latency bool      // percentiles
	cost    string    // the processor time by number of these
	by      []float64 // and how many of them each entry of fwatchdog has, which stand before all others
}

// pictures are the files that draw writes, with their titles.
func (m measured) pictures() [][2]string {
	if len(m.entries) == 0 {
		return nil
	}
	if m.plots.cost != "" {
		return [][2]string{{"bench-cost-" + m.name + ".svg", "Processor time by number of " + m.plots.cost}}
	}
	all := [][2]string{{"bench-" + m.name + ".svg", m.title}}
	if m.plots.latency {
		all = append(all, [2]string{"bench-latency-" + m.name + ".svg", "Latency: " + m.title})
	}
	return all
}

// sans has the widths of the letters that browsers show where they lack it.
var sans = font.Font{Typeface: "Liberation", Variant: "Sans"}

// draw writes the pictures.
func (m measured) draw(folder string) error {
	plot.DefaultFont, plotter.DefaultFont = sans, sans
	for i, picture := range m.pictures() {
		p, height, err := m.plot(i)
		if err != nil {
			return err
		}
		p.Title.Text = picture[1]
		if err := p.Save(vg.Points(620), height, filepath.Join(folder, picture[0])); err != nil {
			return err
		}
	}
	return nil
}

// plot is the picture of this number.
func (m measured) plot(number int) (*plot.Plot, vg.Length, error) {
	switch {
	case m.plots.cost != "":
		p, err := m.plotCost()
		return p, vg.Points(300), err
	case number == 0:
		p, err := m.plotThroughput()
		return p, vg.Points(float64(70 + 28*len(m.entries))), err
	}
	p, err := m.plotLatency()
	return p, vg.Points(380), err
}

// plotThroughput draws the median of each entry as a bar, and a line from the least to the most of its rounds.
func (m measured) plotThroughput() (*plot.Plot, error) {
	p := plot.New()
	p.X.Label.Text = "requests a second"
	p.X.Min = 0
	names := make([]string, len(m.entries))
	for i, e := range m.entries {
		at := len(m.entries) - 1 - i    // the first is on top
		names[at] = e.name() + "      " // room for a font with wider letters
		values := m.values(e.key(), rate)
		bar, err := plotter.NewBarChart(plotter.Values{median(values)}, vg.Points(16))
		if err != nil {
			return nil, err
		}
		bar.Horizontal, bar.XMin, bar.LineStyle.Width, bar.Color = true, float64(at), 0, othersColour
		if e.ours() {
			bar.Color = oursColour
		}
		s := spreadOf(values)
		line, err := plotter.NewLine(plotter.XYs{{X: s.least, Y: float64(at)}, {X: s.most, Y: float64(at)}})
		if err != nil {
			return nil, err
		}
		p.Add(bar, line)
		p.X.Max = max(p.X.Max, s.most*1.05)
	}
	p.NominalY(names...)
	return p, nil
}

// plotLatency draws the medians of each entry's percentiles.
func (m measured) plotLatency() (*plot.Plot, error) {
	p := plot.New()
	p.Y.Label.Text = "milliseconds"
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	p.Legend.Top, p.Legend.Left = true, true
	ticks := make([]plot.Tick, len(systems.Percentiles))
	for i, percentile := range systems.Percentiles {
		ticks[i] = plot.Tick{Value: float64(i), Label: "p" + strconv.FormatFloat(percentile, 'g', -1, 64)}
	}
	p.X.Tick.Marker = plot.ConstantTicks(ticks)
	for n, e := range m.entries {
		points := make(plotter.XYs, len(systems.Percentiles))
		for i := range systems.Percentiles {
			ns := median(m.values(e.key(), func(r result) float64 { return float64(r.Latency[i]) }))
			points[i] = plotter.XY{X: float64(i), Y: max(ns, 1000) / 1e6} // a logarithm has no 0
		}
		if err := addCurve(p, n, points, e.name()); err != nil {
			return nil, err
		}
	}
	p.Y.Max *= 10                                        // room for the names
	p.X.Max = float64(len(systems.Percentiles)-1) + 0.15 // and for the last label
	return p, nil
}

// plotCost draws the processor time of a request by what the entries have different numbers of.
func (m measured) plotCost() (*plot.Plot, error) {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = m.plots.cost, "µs a request"
	p.X.Scale = plot.LogScale{}
	p.Y.Min = 0
	p.Legend.Top, p.Legend.Left = true, true
	all, own := plotter.XYs{}, plotter.XYs{}
	ticks := []plot.Tick{}
	for i, e := range m.entries {
		if !e.ours() {
			break
		}
		x := m.plots.by[i]
		all = append(all, plotter.XY{X: x, Y: median(m.values(e.key(), cpu)) / 1e3})
		own = append(own, plotter.XY{X: x, Y: median(m.values(e.key(), first)) / 1e3})
		ticks = append(ticks, plot.Tick{Value: x, Label: strconv.FormatFloat(x, 'g', -1, 64)})
		p.Y.Max = max(p.Y.Max, all[i].Y*1.3)
	}
	p.X.Tick.Marker = plot.ConstantTicks(ticks)
	p.X.Max = m.plots.by[len(m.plots.by)-1] * 1.2
	if err := addCurve(p, 0, all, "fwatchdog and workers"); err != nil {
		return nil, err
	}
	return p, addCurve(p, 1, own, "fwatchdog")
}

func addCurve(p *plot.Plot, number int, points plotter.XYs, name string) error {
	line, dots, err := plotter.NewLinePoints(points)
	if err != nil {
		return err
	}
	line.Color, line.Width, line.Dashes = plotutil.Color(number), vg.Points(1.5), plotutil.Dashes(number/7)
	dots.Color, dots.Shape = line.Color, plotutil.Shape(number)
	p.Add(line, dots)
	p.Legend.Add(name, line, dots)
	return nil
}
