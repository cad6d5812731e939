package wasm

// body decodes one entry of the code section (§5.5.13) and scans its
// instructions once: opcodes, immediates and nesting are sound afterwards, so
// later passes cannot run past the end.
func (d *decoder) body() Body {
	index := d.functionIndex()
	size := d.u32()
	if d.err != nil {
		return Body{}
	}
	if size > d.m.limits.BodyBytes {
		d.fail(CodeAboveLimit, "body bytes: %d, limit %d", size, d.m.limits.BodyBytes)
		d.err.Func = index
		return Body{}
	}
	if int(size) > d.left() {
		d.fail(CodeTruncated, "body: %d bytes announced, %d left", size, d.left())
		d.err.Func = index
		return Body{}
	}
	whole := d.b
	d.b = whole[:d.pos+int(size)]
	b := Body{Locals: d.localRuns()}
	b.Offset = d.pos
	d.scan()
	if d.err != nil {
		d.err.Func = index
		if d.err.Code == CodeTruncated {
			d.err.Code = CodeBadBody // the body ends early, not the file
		}
	} else {
		b.Expr = d.b[b.Offset:d.pos:d.pos]
		b.locals = countLocals(b.Locals)
	}
	d.b = whole
	return b
}

// functionIndex is the index of the body being decoded; bodies are appended
// one by one, but the slice is published only at the end, so it is counted.
func (d *decoder) functionIndex() int {
	i := int(d.m.imported[KindFunc]) + d.bodies
	d.bodies++
	return i
}

func (d *decoder) localRuns() []LocalRun {
	n := d.count(d.m.limits.Locals, "local declarations")
	if n == 0 {
		return nil
	}
	runs := make([]LocalRun, 0, n)
	total := uint64(0)
	for range n {
		run := LocalRun{Count: d.u32(), Type: d.valType()}
		if d.err != nil {
			return nil
		}
		if total += uint64(run.Count); total > uint64(d.m.limits.Locals) {
			d.fail(CodeAboveLimit, "locals: %d, limit %d", total, d.m.limits.Locals)
			return nil
		}
		runs = append(runs, run)
	}
	return runs
}

func countLocals(runs []LocalRun) uint32 {
	n := uint32(0)
	for _, run := range runs {
		n += run.Count
	}
	return n
}

// Constructs on the scanner's stack.
const (
	openBlock = iota // block or loop
	openIf           // if, which an else may follow
	openElse
)

// scan reads instructions up to the end that closes the body, which must be
// its last byte.
func (d *decoder) scan() {
	d.open = append(d.open[:0], openBlock)
	var in instr
	for d.err == nil {
		d.next(&in, &d.m.limits)
		switch in.op {
		case opBlock, opLoop:
			d.open = append(d.open, openBlock)
		case opIf:
			d.open = append(d.open, openIf)
		case opElse:
			top := &d.open[len(d.open)-1]
			if *top != openIf && d.err == nil {
				d.fail(CodeBadBody, "else without if")
			}
			*top = openElse
		case opEnd:
			d.open = d.open[:len(d.open)-1]
			if len(d.open) == 0 {
				if d.pos != len(d.b) && d.err == nil {
					d.fail(CodeBadBody, "%d bytes after the end of a body", d.left())
				}
				return
			}
		case opMemoryInit, opDataDrop:
			if d.m.DataCount < 0 && d.err == nil {
				d.fail(CodeBadCount, "%s without a data-count section", ops[in.op].name)
			}
		}
		if len(d.open) > int(d.m.limits.Nesting) {
			d.fail(CodeAboveLimit, "nesting: limit %d", d.m.limits.Nesting)
		}
	}
}
