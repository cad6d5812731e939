package circuit

import (
	"context"
	"sync"
)

// cache keeps what took long to make. What is in use is never dropped; two that
// ask for the same wait for one to make it.
type cache[K comparable, V any] struct {
	keep int
	drop func(V)

	mu    sync.Mutex
	all   map[K]*entry[V]
	clock uint64
}

type entry[V any] struct {
	ready chan struct{} // closed when value or err is there
	value V
	err   error
	users int
	used  uint64
}

func newCache[K comparable, V any](keep int, drop func(V)) *cache[K, V] {
	return &cache[K, V]{keep: keep, drop: drop, all: map[K]*entry[V]{}}
}

// get returns the value of a key and what to call when it is no longer used.
// Errors are not kept.
func (c *cache[K, V]) get(ctx context.Context, key K, create func() (V, error)) (V, func(), error) {
	var none V
	for {
		e, mine := c.claim(key)
		if mine {
			c.fill(key, e, create)
		}
		select {
		case <-e.ready:
		case <-ctx.Done():
			c.release(e)
			return none, nil, context.Cause(ctx)
		}
		if e.err == nil {
			return e.value, func() { c.release(e) }, nil
		}
		c.release(e)
		if mine || ctx.Err() != nil {
			return none, nil, e.err
		}
		// Another's error may be its own, as a cancelled context is: try again.
	}
}

func (c *cache[K, V]) claim(key K) (e *entry[V], mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e = c.all[key]; e == nil {
		c.evict()
		e, mine = &entry[V]{ready: make(chan struct{})}, true
		c.all[key] = e
	}
	e.users++
	c.clock++
	e.used = c.clock
	return e, mine
}

// fill makes the value. A panic leaves no entry that nobody ever fills.
func (c *cache[K, V]) fill(key K, e *entry[V], create func() (V, error)) {
	e.err = context.Canceled
	defer func() {
		if e.err != nil {
			c.mu.Lock()
			delete(c.all, key)
			c.mu.Unlock()
		}
		close(e.ready)
	}()
	e.value, e.err = create()
}

func (c *cache[K, V]) release(e *entry[V]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.users--
}

// evict drops what was longest unused until there is room for one more.
func (c *cache[K, V]) evict() {
	for len(c.all) >= c.keep {
		var oldest K
		var found *entry[V]
		for k, e := range c.all {
			if e.users == 0 && (found == nil || e.used < found.used) {
				oldest, found = k, e
			}
		}
		if found == nil {
			return
		}
		delete(c.all, oldest)
		c.drop(found.value)
	}
}

func (c *cache[K, V]) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, e := range c.all {
		if e.users == 0 {
			delete(c.all, k)
			c.drop(e.value)
		}
	}
}
