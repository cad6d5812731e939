package train

import "math/rand/v2"

// Sample is an image, row by row, with what it shows.
type Sample struct {
	Pixels []int8
	Label  int
}

// Real returns the pixels as numbers from −1 to 1, as the network is trained on.
func (s *Sample) Real() []float64 {
	out := make([]float64, len(s.Pixels))
	for i, p := range s.Pixels {
		out[i] = float64(p) / 128
	}
	return out
}

// glyphs are the digits on a grid of 5 by 7.
var glyphs = [10]string{
	" ### #   ##  ### # ###  ##   # ### ",
	"  #   ##    #    #    #    #   ### ",
	" ### #   #    #   #   #   #   #####",
	" ### #   #    #  ##     ##   # ### ",
	"   #   ##  # # #  # #####   #    # ",
	"######    ####     #    ##   # ### ",
	"  ##  #   #    #### #   ##   # ### ",
	"#####    #   #   #   #    #    #   ",
	" ### #   ##   # ### #   ##   # ### ",
	" ### #   ##   # ####    #   #  ##  ",
}

// Digits draws images of 12 by 12: a digit somewhere, between 7 and 10 pixels
// high and 5 to 8 wide, of some brightness, under noise.
func Digits(r *rand.Rand, n int) []Sample {
	const size = 12
	samples := make([]Sample, n)
	for i := range samples {
		s := Sample{Pixels: make([]int8, size*size), Label: r.IntN(10)}
		h, w := 7+r.IntN(4), 5+r.IntN(4)
		top, left := r.IntN(size-h+1), r.IntN(size-w+1)
		ink, paper := 30+r.IntN(70), -100+r.IntN(60)
		for y := range size {
			for x := range size {
				v := paper
				if y >= top && y < top+h && x >= left && x < left+w && glyphs[s.Label][(y-top)*7/h*5+(x-left)*5/w] == '#' {
					v = ink
				}
				s.Pixels[y*size+x] = noisy(r, v)
			}
		}
		samples[i] = s
	}
	return samples
}

// noisy adds noise of about ±40 to a pixel, and loses one in thirty.
func noisy(r *rand.Rand, v int) int8 {
	v += r.IntN(41) + r.IntN(41) - 40
	if r.IntN(30) == 0 {
		v = r.IntN(256) - 128
	}
	return int8(max(-128, min(127, v)))
}

// Shapes names what Images draws.
var Shapes = [6]string{"disc", "ring", "square", "frame", "cross", "triangle"}

// inside reports whether a shape of radius r covers the point (y, x) from its
// middle.
func inside(shape, y, x, r int) bool {
	d, far := y*y+x*x, max(y, -y, x, -x)
	switch shape {
	case 0:
		return d <= r*r
	case 1:
		return d <= r*r && d > (r-2)*(r-2)
	case 2:
		return far <= r
	case 3:
		return far <= r && far > r-2
	case 4:
		return far <= r && (max(y, -y) <= 1 || max(x, -x) <= 1)
	}
	return y <= r && y >= -r && 2*max(x, -x) <= y+r
}

// Images draws images of 16 by 16 with one shape each, bright or dark, under noise.
func Images(r *rand.Rand, n int) []Sample {
	const size = 16
	samples := make([]Sample, n)
	for i := range samples {
		s := Sample{Pixels: make([]int8, size*size), Label: r.IntN(len(Shapes))}
		radius := 4 + r.IntN(3)
		cy, cx := radius+r.IntN(size-2*radius), radius+r.IntN(size-2*radius)
		paper := -60 + r.IntN(120)
		ink := paper + 70 + r.IntN(50)
		if r.IntN(2) == 0 {
			ink = paper - 70 - r.IntN(50)
		}
		for y := range size {
			for x := range size {
				v := paper
				if inside(s.Label, y-cy, x-cx, radius) {
					v = ink
				}
				s.Pixels[y*size+x] = noisy(r, v)
			}
		}
		samples[i] = s
	}
	return samples
}
