// Package report keeps what was measured as JSON lines and makes of it a table, a picture and the results section of a
// document. It computes medians and ratios, and must never show a number that was not measured: what is missing or
// failed is shown as that.
package report
