package report

import "sort"

// Bucket counts observations up to Upper, in seconds, that are over the next lower Upper.
type Bucket struct {
	Upper float64
	Count uint64
}

// Histogram is what was observed since the start: buckets with rising Upper, empty ones left out.
type Histogram []Bucket

// Since returns what was observed after before was taken.
func (h Histogram) Since(before Histogram) Histogram {
	var out Histogram
	for _, b := range h {
		i := sort.Search(len(before), func(i int) bool { return before[i].Upper >= b.Upper })
		if i < len(before) && before[i].Upper == b.Upper {
			if before[i].Count >= b.Count { // more than now when the buckets were merged meanwhile
				continue
			}
			b.Count -= before[i].Count
		}
		out = append(out, b)
	}
	return out
}

// Quantile returns the bound in seconds below which the part q of all observations lies, as exactly as the buckets tell;
// 0 when there are none.
func (h Histogram) Quantile(q float64) float64 {
	var total uint64
	for _, b := range h {
		total += b.Count
	}
	var below uint64
	for _, b := range h {
		below += b.Count
		if float64(below) >= q*float64(total) {
			return b.Upper
		}
	}
	return 0
}
