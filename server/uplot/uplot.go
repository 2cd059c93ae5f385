// Package uplot has the files of uPlot 1.6.32 from npm, which draws plots, with its licence.
package uplot

import "embed"

// Files are uPlot.iife.min.js, uPlot.min.css and LICENSE, as they are published.
//
//go:embed uPlot.iife.min.js uPlot.min.css LICENSE
var Files embed.FS
