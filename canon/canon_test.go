package canon_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/capacloud/assay/canon"
	"pgregory.net/rapid"
)

// vectors are those of testdata/vectors.json, written by testdata/vectors.py.
type vectors struct {
	Version int `json:"version"`
	Hashes  []struct {
		Tag    string       `json:"tag"`
		Parts  []string     `json:"parts"`
		Digest canon.Digest `json:"digest"`
	} `json:"hashes"`
	Accepted []struct {
		Name, Type, Hex, JSON string
	} `json:"accepted"`
	Refused []struct {
		Name, Type, Hex, Repeat, Expect string
		Times                           int
	} `json:"refused"`
}

type row struct {
	_ struct{} `cbor:",toarray"`
	A uint64
	B []byte
	C string
}

type fields struct {
	A uint8 `cbor:"a" json:"a"`
	B bool  `cbor:"b" json:"b"`
}

// typeNamed returns a new value of each type that the vectors name.
func typeNamed(t testing.TB, name string) any {
	t.Helper()
	switch name {
	case "uint":
		return new(uint64)
	case "list":
		return new([]uint16)
	case "row":
		return new(row)
	case "map":
		return new(map[string]uint64)
	case "fields":
		return new(fields)
	case "digest":
		return new(canon.Digest)
	case "nested":
		return new(any) // the only type of ours that would follow any depth
	}
	t.Fatalf("no type %q", name)
	return nil
}

func readVectors(t testing.TB) vectors {
	t.Helper()
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if v.Version != 1 {
		t.Fatalf("vectors of version %d", v.Version)
	}
	return v
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAcceptedVectors(t *testing.T) {
	for _, c := range readVectors(t).Accepted {
		v, b := typeNamed(t, c.Type), unhex(t, c.Hex)
		if err := canon.Unmarshal(b, v); err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if got, err := json.Marshal(v); err != nil || string(got) != c.JSON {
			t.Errorf("%s: means %s, want %s", c.Name, got, c.JSON)
		}
		if got := canon.Marshal(v); !bytes.Equal(got, b) {
			t.Errorf("%s: encodes to %x, want %s", c.Name, got, c.Hex)
		}
	}
}

func TestRefusedVectors(t *testing.T) {
	for _, c := range readVectors(t).Refused {
		b := append(unhex(t, c.Hex), bytes.Repeat(unhex(t, c.Repeat), c.Times)...)
		err := canon.Unmarshal(b, typeNamed(t, c.Type))
		switch {
		case !errors.Is(err, canon.ErrNotCanonical):
			t.Errorf("%s: error is %v", c.Name, err)
		case !strings.Contains(err.Error(), c.Expect):
			t.Errorf("%s: error %q does not say %q", c.Name, err, c.Expect)
		}
	}
}

func TestHashVectors(t *testing.T) {
	seen := map[canon.Digest]bool{}
	for _, c := range readVectors(t).Hashes {
		var parts [][]byte
		for _, p := range c.Parts {
			parts = append(parts, unhex(t, p))
		}
		d := canon.Hash(c.Tag, parts...)
		if d != c.Digest {
			t.Errorf("H(%q, %q) is %s, want %s", c.Tag, c.Parts, d, c.Digest)
		}
		if seen[d] {
			t.Errorf("H(%q, %q) collides", c.Tag, c.Parts)
		}
		seen[d] = true
	}
	if canon.HashValue("t", row{A: 1}) != canon.Hash("t", canon.Marshal(row{A: 1})) {
		t.Error("HashValue is not Hash of Marshal")
	}
}

func TestTooLong(t *testing.T) {
	err := canon.Unmarshal(make([]byte, canon.MaxBytes+1), new(uint64))
	if !errors.Is(err, canon.ErrNotCanonical) {
		t.Errorf("error is %v", err)
	}
}

// TestDepthLimit: exactly MaxDepth levels pass.
func TestDepthLimit(t *testing.T) {
	for levels, ok := range map[int]bool{1: true, canon.MaxDepth: true, canon.MaxDepth + 1: false} {
		b := append(bytes.Repeat([]byte{0x81}, levels-1), 0x80)
		if err := canon.Unmarshal(b, new(any)); (err == nil) != ok {
			t.Errorf("%d levels: %v", levels, err)
		}
	}
}

// TestPrefixesReserveNothing: a prefix that promises much must not make the
// decoder allocate before the bytes are there.
func TestPrefixesReserveNothing(t *testing.T) {
	for _, c := range []struct{ hex, kind string }{
		{"9b0000000000020000", "list"},
		{"9a00020000", "nested"},
		{"ba00020000", "map"},
		{"83015a7fffffff", "row"},
		{"83015b00000fffffffffff", "row"},
		{"5a7fffffff", "digest"},
		{strings.Repeat("9a00020000", 15), "nested"},
	} {
		b, v := unhex(t, c.hex), typeNamed(t, c.kind)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := canon.Unmarshal(b, v)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: accepted", c.hex)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 256<<10 {
			t.Errorf("%s: %d bytes allocated", c.hex, used)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := row{
			A: rapid.Uint64().Draw(t, "a"),
			B: append([]byte{}, rapid.SliceOf(rapid.Byte()).Draw(t, "b")...),
			C: rapid.String().Draw(t, "c"),
		}
		b := canon.Marshal(v)
		var got row
		if err := canon.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(v, got) {
			t.Fatalf("%+v came back as %+v", v, got)
		}
		// No other byte string means this value: whatever one flipped bit
		// still decodes to, it is something else.
		i := rapid.IntRange(0, 8*len(b)-1).Draw(t, "bit")
		b[i/8] ^= 1 << (i % 8)
		var other row
		if canon.Unmarshal(b, &other) == nil && reflect.DeepEqual(v, other) {
			t.Fatalf("bit %d does not matter", i)
		}
	})
}

func TestMapsAreSorted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.MapOf(rapid.String(), rapid.Uint64()).Draw(t, "map")
		first := canon.Marshal(m)
		again := map[string]uint64{}
		if err := canon.Unmarshal(first, &again); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(canon.Marshal(again), first) {
			t.Fatal("one map, two encodings")
		}
	})
}

func TestDigestText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := canon.Digest(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "digest"))
		got, err := canon.ParseDigest(d.String())
		if err != nil || got != d {
			t.Fatalf("%s came back as %s, %v", d, got, err)
		}
		// The one spelling: a changed letter is another digest or none.
		text := []byte(d.String())
		text[rapid.IntRange(0, len(text)-1).Draw(t, "at")] = rapid.ByteRange(0x20, 0x7e).Draw(t, "letter")
		if other, err := canon.ParseDigest(string(text)); err == nil && other.String() != string(text) {
			t.Fatalf("%s parses as %s", text, other)
		}
	})
	for _, s := range []string{"", "sha256:", "sha512:" + strings.Repeat("0", 64), strings.Repeat("0", 64), "sha256:" + strings.Repeat("0", 63), "sha256:" + strings.Repeat("0", 65), "SHA256:" + strings.Repeat("0", 64), "sha256:" + strings.Repeat("A", 64), "sha256:" + strings.Repeat("g", 64), " sha256:" + strings.Repeat("0", 64)} {
		d := canon.Digest{1}
		if err := d.UnmarshalText([]byte(s)); !errors.Is(err, canon.ErrDigest) || d != (canon.Digest{1}) {
			t.Errorf("%q: %v, %s", s, err, d)
		}
	}
	if !(canon.Digest{}).IsZero() || (canon.Digest{0xab}).IsZero() || (canon.Digest{0xab}).Short() != "ab000000" {
		t.Error("zero or short form is wrong")
	}
}

func TestMarshalPanicsOnWhatHasNoEncoding(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a channel has an encoding")
		}
	}()
	canon.Marshal(make(chan int))
}

// FuzzUnmarshal: what is accepted encodes to the same bytes, in every type.
func FuzzUnmarshal(f *testing.F) {
	v := readVectors(f)
	for _, c := range v.Accepted {
		f.Add(unhex(f, c.Hex))
	}
	for _, c := range v.Refused {
		f.Add(unhex(f, c.Hex))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, name := range []string{"uint", "list", "row", "map", "fields", "digest", "nested"} {
			v := typeNamed(t, name)
			if canon.Unmarshal(b, v) == nil && !bytes.Equal(canon.Marshal(v), b) {
				t.Errorf("%s: accepted %x, encodes %x", name, b, canon.Marshal(v))
			}
		}
	})
}

func FuzzParseDigest(f *testing.F) {
	f.Add(canon.Hash("t").String())
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := canon.ParseDigest(s); err == nil && d.String() != s {
			t.Errorf("%q parses as %s", s, d)
		}
	})
}
