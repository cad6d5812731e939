package wasm

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/tetratelabs/wazero"

	"github.com/capacloud/assay"
	"github.com/capacloud/assay/canon"
	"github.com/capacloud/assay/machine/wasm"
)

// key names a compiled program: the memory limit is written into the code, all
// other limits are set on the instance.
type key struct {
	program canon.Digest
	pages   uint32
}

func keyOf(program canon.Digest, l *assay.Limits) key {
	return key{program, uint32(l.Memory / wasm.PageBytes)}
}

// program is a compiled program, or the reason why it is none.
type program struct {
	key     key
	once    sync.Once
	err     error // of the host: nothing is known about the program
	invalid *wasm.Error
	info    *wasm.Instrumented
	code    wazero.CompiledModule
	// setup is the fuel that the first state costs: its pages and table
	// elements are made and hashed as grown ones are.
	setup   uint64
	lowered struct { // see image
		sync.Mutex
		image  *wasm.Image
		digest canon.Digest
	}
	users int    // guarded by programs.mu, as is used
	used  uint64 // when, on the counter
}

// programs keeps compiled programs. A program that runs is never dropped.
type programs struct {
	runtime wazero.Runtime
	keep    int

	mu    sync.Mutex
	all   map[key]*program
	count uint64
}

func newPrograms(r wazero.Runtime, keep int) *programs {
	return &programs{runtime: r, keep: keep, all: map[key]*program{}}
}

// get returns a program, compiled once however many ask for it at a time. The
// caller releases it.
func (c *programs) get(ctx context.Context, k key, read func() ([]byte, error)) (*program, error) {
	for {
		p, mine := c.claim(k), false
		p.once.Do(func() {
			mine = true
			// If compiling panics, whoever comes later must not take the rest
			// for a program.
			p.err = errors.New("wasm executor: compiling failed before")
			p.err = p.compile(ctx, c.runtime, read)
		})
		if p.err == nil {
			return p, nil
		}
		c.forget(p)
		// Another's context may have ended while it compiled for all of us.
		given := errors.Is(p.err, context.Canceled) || errors.Is(p.err, context.DeadlineExceeded)
		if mine || !given || ctx.Err() != nil {
			return nil, p.err
		}
	}
}

func (c *programs) claim(k key) *program {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.all[k]
	if p == nil {
		c.evict()
		p = &program{key: k}
		c.all[k] = p
	}
	p.users++
	c.count++
	p.used = c.count
	return p
}

// evict drops the programs longest unused until there is room for one more.
func (c *programs) evict() {
	for len(c.all) >= c.keep {
		var oldest *program
		for _, p := range c.all {
			if p.users == 0 && (oldest == nil || p.used < oldest.used) {
				oldest = p
			}
		}
		if oldest == nil {
			return
		}
		delete(c.all, oldest.key)
		oldest.close()
	}
}

func (c *programs) release(p *program) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.users--
}

// forget drops a program that a host error kept from being compiled, so that
// the next job tries again.
func (c *programs) forget(p *program) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.users--
	if c.all[p.key] == p {
		delete(c.all, p.key)
	}
}

func (p *program) close() {
	if p.code != nil {
		_ = p.code.Close(context.Background()) // frees memory; cannot fail on a compiled module
	}
}

func (p *program) compile(ctx context.Context, r wazero.Runtime, read func() ([]byte, error)) error {
	b, err := read()
	if err != nil {
		return fmt.Errorf("program %s: %w", p.key.program, err)
	}
	if err := p.prepare(b); err != nil {
		if errors.As(err, &p.invalid) && p.invalid.Code != wasm.CodeNotValidated && p.invalid.Code != wasm.CodeBadOptions {
			return nil
		}
		return fmt.Errorf("program %s: instrument: %w", p.key.program, err)
	}
	if p.code, err = r.CompileModule(ctx, p.info.Wasm); err != nil {
		return fmt.Errorf("program %s is valid for us and not for wazero: %w", p.key.program, err)
	}
	p.info.Wasm = nil // wazero keeps what it needs
	return nil
}

// prepare decides whether b is a wasm/1 module and rewrites it.
func (p *program) prepare(b []byte) error {
	m, err := wasm.Decode(b, wasm.DefaultLimits())
	if err != nil {
		return err
	}
	if err := wasm.Validate(m); err != nil {
		return err
	}
	if err := wasm.CheckProfile(m, p.key.pages); err != nil {
		return err
	}
	for _, m := range m.Memories {
		p.setup += uint64(m.Min) * wasm.PageFuel
	}
	for _, t := range m.Tables {
		p.setup += uint64(t.Min) * wasm.ElemFuel
	}
	dropActive(m)
	p.info, err = wasm.Instrument(m, wasm.Options{MemoryPages: p.key.pages})
	return err
}

// dropActive gives every active data segment the length that it has once it was
// copied, which is 0 (specification 2.0, §4.5.4): its index names an empty
// passive segment, and the bytes move to a new active one behind the others.
// wazero 1.12.0 drops element segments and forgets data segments, so that a
// later memory.init would succeed there and trap everywhere else. A module
// without a data count has no memory.init.
func dropActive(m *wasm.Module) {
	if m.DataCount < 0 {
		return
	}
	for i := range m.Datas {
		if m.Datas[i].Mode == wasm.Active {
			m.Datas = append(m.Datas, m.Datas[i])
			m.Datas[i] = wasm.Data{Mode: wasm.Passive}
		}
	}
	m.DataCount = int64(len(m.Datas))
}

// image returns what the canonical machine makes of the program. It is computed
// when it is first asked for: only boundaries between epochs need it.
func (p *program) image(read func() ([]byte, error)) (*wasm.Image, canon.Digest, error) {
	l := &p.lowered
	l.Lock()
	defer l.Unlock()
	if l.image == nil {
		b, err := read()
		if err != nil {
			return nil, canon.Digest{}, fmt.Errorf("program %s: %w", p.key.program, err)
		}
		w := wasm.NewImage(b)
		for !w.Step(1 << 30) {
		}
		l.image, l.digest = w.Image(), w.Image().Digest()
	}
	return l.image, l.digest, nil
}
