package policy

import (
	"strconv"
	"strings"

	"github.com/capacloud/assay"
)

// spanUnits are the units of a span, largest first; the canonical text uses the
// largest that divides it.
var spanUnits = []struct {
	name   string
	millis uint64
}{
	{"d", 24 * 3600 * 1000},
	{"h", 3600 * 1000},
	{"m", 60 * 1000},
	{"s", 1000},
	{"ms", 1},
}

// maxSpan is a year: longer windows lock stakes for nothing.
const maxSpan = 365 * 24 * 3600 * 1000

func formatSpan(d assay.Millis) string {
	for _, u := range spanUnits {
		if uint64(d)%u.millis == 0 {
			return strconv.FormatUint(uint64(d)/u.millis, 10) + u.name
		}
	}
	return "" // not reached: every span is a multiple of 1 ms
}

func parseSpan(text string) (assay.Millis, error) {
	digits := strings.TrimRight(text, "dhms")
	unit := text[len(digits):]
	for _, u := range spanUnits {
		if u.name != unit {
			continue
		}
		v, err := parseDigits(digits)
		if err != nil {
			break
		}
		if v == 0 || v > maxSpan/u.millis {
			return 0, assay.Refuse(CodeRange, "span %.40s; the range is 1ms to 365d", text)
		}
		return assay.Millis(v * u.millis), nil
	}
	return 0, assay.Refuse(CodeMalformed, "span %.40q: want a whole number and ms, s, m, h or d", text)
}

// formatShare prints percent, without trailing zeros: one part per million is
// 0.0001%.
func formatShare(p assay.PPM) string {
	whole, rest := p/10_000, p%10_000
	if rest == 0 {
		return strconv.FormatUint(uint64(whole), 10) + "%"
	}
	digits := strconv.FormatUint(uint64(10_000+rest), 10)[1:]
	return strconv.FormatUint(uint64(whole), 10) + "." + strings.TrimRight(digits, "0") + "%"
}

func parseShare(text string) (assay.PPM, error) {
	ppm, err := uint64(0), error(nil)
	if digits, ok := strings.CutSuffix(text, "ppm"); ok {
		ppm, err = parseDigits(digits)
	} else if digits, ok := strings.CutSuffix(text, "%"); ok {
		ppm, err = parsePercent(digits)
	} else {
		err = assay.Refuse(CodeMalformed, "no unit")
	}
	if err != nil {
		return 0, assay.Refuse(CodeMalformed, "probability %.40q: want percent with up to four decimals, or ppm", text)
	}
	// Zero would never run, and the whole is the check itself.
	if ppm == 0 || ppm >= uint64(assay.Whole) {
		return 0, assay.Refuse(CodeRange, "probability %.40s; it lies between 0%% and 100%%", text)
	}
	return assay.PPM(ppm), nil
}

func parsePercent(digits string) (uint64, error) {
	whole, decimals, dot := strings.Cut(digits, ".")
	if dot && (decimals == "" || len(decimals) > 4) {
		return 0, assay.Refuse(CodeMalformed, "decimals")
	}
	v, err := parseDigits(whole)
	if err != nil || v > 100 {
		return 0, assay.Refuse(CodeMalformed, "percent")
	}
	if !dot {
		return v * 10_000, nil
	}
	for i := range len(decimals) {
		if decimals[i] < '0' || decimals[i] > '9' {
			return 0, assay.Refuse(CodeMalformed, "decimals")
		}
	}
	rest, err := strconv.ParseUint((decimals + "000")[:4], 10, 64)
	return v*10_000 + rest, err
}

// parseDigits reads a number without sign, leading zero or separator.
func parseDigits(text string) (uint64, error) {
	if text == "" || len(text) > 20 || text[0] == '0' && len(text) > 1 {
		return 0, assay.Refuse(CodeMalformed, "number %.40q", text)
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, assay.Refuse(CodeMalformed, "number %.40q", text)
		}
	}
	return strconv.ParseUint(text, 10, 64)
}
