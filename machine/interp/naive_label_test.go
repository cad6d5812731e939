package interp

// localSet is a set of locals.
type localSet map[uint32]bool

func (s localSet) with(others ...localSet) localSet {
	union := localSet{}
	for _, o := range append(others, s) {
		for x := range o {
			union[x] = true
		}
	}
	return union
}

// labelCosts returns what arriving at the label of each construct costs, by the
// construct's instruction: an eighth of the operands and joins there, by their
// definition and without regard to what that takes.
func (body *naiveBody) labelCosts() map[int]int64 {
	wanted := map[int]localSet{} // at the head of each loop
	body.live(wanted)
	// Wanted at a head is what is wanted at those of the loops around it, too.
	first := map[int]localSet{}
	for head := range wanted {
		first[head] = wanted[head]
	}
	for head := range wanted {
		for around, s := range first {
			if around < head && body.code[around].end > head {
				wanted[head] = wanted[head].with(s)
			}
		}
	}
	live := body.live(wanted)
	used := body.targets()
	costs := map[int]int64{}
	for i := range body.code {
		in := &body.code[i]
		if in.unreached || in.op != gBlock && in.op != gLoop && in.op != gIf || in.op != gIf && !used[i] {
			continue
		}
		values, at := in.results, live[in.end+1]
		if in.op == gLoop {
			values, at = in.params, wanted[i]
		}
		written := localSet{}
		for k := i; k < in.end; k++ {
			if c := &body.code[k]; !c.unreached && (c.op == gLocalSet || c.op == gLocalTee) {
				written[c.a] = true
			}
		}
		for x := range written {
			if at[x] {
				values++
			}
		}
		costs[i] = int64(values / 8)
	}
	return costs
}

// targets returns the constructs that some branch goes to the label of.
func (body *naiveBody) targets() map[int]bool {
	used := map[int]bool{}
	body.branches(func(_, to int) { used[to] = true })
	return used
}

// branches calls f for each branch and the construct to whose label it goes, or
// -1 for the function's.
func (body *naiveBody) branches(f func(from, to int)) {
	open := []int{-1}
	for i := range body.code {
		in := &body.code[i]
		if in.unreached {
			continue
		}
		to := func(label uint32) { f(i, open[len(open)-1-int(label)]) }
		switch in.op {
		case gBlock, gLoop, gIf:
			open = append(open, i)
		case gEnd:
			open = open[:len(open)-1]
		case gBr, gBrIf:
			to(in.a)
		case gBrTable:
			for _, l := range in.targets {
				to(l)
			}
		}
	}
}

// live returns the locals wanted before each instruction, if at the heads of loops
// those of the given sets are. It fills in those that are missing: then branches
// to heads want nothing.
func (body *naiveBody) live(heads map[int]localSet) []localSet {
	find := len(heads) == 0
	goes := map[int][]int{}
	body.branches(func(from, to int) { goes[from] = append(goes[from], to) })
	live := make([]localSet, len(body.code)+1)
	open := map[int]int{} // construct by its else
	for i := range body.code {
		if e := body.code[i].els; e >= 0 {
			open[e] = i
		}
	}
	for i := len(body.code) - 1; i >= 0; i-- {
		in := &body.code[i]
		if in.unreached {
			continue
		}
		next := live[i+1]
		switch in.op {
		case gBr, gBrTable, gReturn, gUnreachable:
			next = nil
		case gElse:
			next = live[body.code[open[i]].end+1]
		case gIf:
			if in.els >= 0 {
				next = next.with(live[in.els+1])
			} else {
				next = next.with(live[in.end+1])
			}
		}
		for _, to := range goes[i] {
			switch {
			case to < 0:
			case body.code[to].op == gLoop:
				if !find {
					next = next.with(heads[to])
				}
			default:
				next = next.with(live[body.code[to].end+1])
			}
		}
		s := next.with()
		switch in.op {
		case gLocalGet:
			s[in.a] = true
		case gLocalSet, gLocalTee:
			delete(s, in.a)
		case gLoop:
			if find {
				heads[i] = s
			}
		}
		live[i] = s
	}
	return live
}
