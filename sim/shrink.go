package sim

// Shrink turns off one fault after the other, and leaves off those without
// which the run still fails.
func Shrink(s Setup, o Options) Setup {
	o.Trace = nil
	for _, x := range switches {
		if !x.is(&s.Faults) {
			continue
		}
		less := s
		x.off(&less.Faults)
		if len(New(less, o).Run().Failures()) > 0 {
			s = less
		}
	}
	return s
}
