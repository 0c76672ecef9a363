//go:build !sandbox

package report

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// The picture in pixels.
const (
	left      = 360 // for the titles
	plot      = 520
	lineStep  = 22
	top       = 64
	markSize  = 5
	lowest    = 0.01 // ratios at the ends of the axis
	highest   = 100
	pictureW  = left + plot + 30
	bottomGap = 20
)

// colors of the targets in their order, told apart also by the color-blind (Okabe and Ito).
var colors = []string{"#0072b2", "#e69f00", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#000000"}

// Picture draws the ratios as an SVG: a line for each row, a dot for each target, a tick for each goal.
func (r *Results) Picture() string {
	var b strings.Builder
	height := top + lineStep*len(r.Rows) + bottomGap
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="sans-serif" font-size="12">`+"\n", pictureW, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/>`+"\n", pictureW, height)
	r.drawLegend(&b)
	for x := lowest; x <= highest*1.001; x *= 10 {
		stroke := "#ddd"
		if math.Abs(x-1) < 1e-6 {
			stroke = "#555"
		}
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="%s"/>`+"\n", place(x), top-4, place(x), height-bottomGap, stroke)
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle" fill="#555">%g</text>`+"\n", place(x), top-10, math.Round(x*100)/100)
	}
	for i, row := range r.Rows {
		r.drawRow(&b, row, float64(top+lineStep*i+lineStep/2))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func (r *Results) drawLegend(b *strings.Builder) {
	fmt.Fprintf(b, `<text x="8" y="20" font-weight="bold">time, as a multiple of the direct client's (or the disk's)</text>`+"\n")
	x := 8
	for i, t := range r.Machine.Targets {
		fmt.Fprintf(b, `<circle cx="%d" cy="36" r="%d" fill="%s"/><text x="%d" y="40">%s</text>`+"\n",
			x+markSize, markSize, color(i), x+3*markSize, html.EscapeString(t.Name))
		x += 40 + 7*len(t.Name)
	}
	fmt.Fprintf(b, `<text x="%d" y="40" fill="#555">| goal</text>`+"\n", x)
}

func (r *Results) drawRow(b *strings.Builder, row Row, y float64) {
	title := row.Title
	if row.DelayMS == 0 {
		title += " (0 ms)"
	}
	fmt.Fprintf(b, `<text x="8" y="%.1f">%s</text>`+"\n", y+4, html.EscapeString(title))
	fmt.Fprintf(b, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#eee"/>`+"\n", left, y, left+plot, y)
	for i, t := range r.Machine.Targets {
		if g := row.Goals[t.Name]; g > 0 {
			fmt.Fprintf(b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="2"/>`+"\n", place(g), y-7, place(g), y+7, color(i))
		}
		if ratio := r.Ratio(row, t.Name); ratio > 0 {
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="%d" fill="%s"><title>%s: %.3g</title></circle>`+"\n",
				place(ratio), y, markSize, color(i), html.EscapeString(t.Name), ratio)
		}
	}
}

func color(i int) string { return colors[i%len(colors)] }

// place is where a ratio is on the axis, at its ends if it is beyond.
func place(ratio float64) float64 {
	ratio = min(max(ratio, lowest), highest)
	return left + plot*(math.Log10(ratio)-math.Log10(lowest))/(math.Log10(highest)-math.Log10(lowest))
}
