package wasm

import (
	"math"
	"math/bits"
)

// Canonical NaNs.
const (
	NaN32 = 0x7fc00000
	NaN64 = 0x7ff8000000000000
)

// Eval is the definition of the numeric operations, from OpI32Eqz on: op of x,
// or of x and y, as the WebAssembly instruction of its name (specification 2.0,
// §4.3), with the canonical NaN where wasm/1 says so. i32 and f32 operands stand
// in the lower half, and the upper half is ignored; results have it zero.
// The other traps are division by zero, overflow and conversion.
//
// A float operation is one operation of Go with an explicit conversion, so that
// no compiler may fuse it with another.
func Eval(op Op, x, y uint64) (uint64, TrapCode) {
	switch {
	case op < OpF32Eq:
		return boolean(compareInt(op, x, y)), TrapNone
	case op < OpI32Clz:
		return boolean(compareFloat(op, x, y)), TrapNone
	case op < OpI64Clz:
		v, t := arithmetic32(op, uint32(x), uint32(y))
		return uint64(v), t
	case op < OpF32Abs:
		return arithmetic64(op, x, y)
	case op < OpF64Abs:
		return uint64(float32Op(op, uint32(x), uint32(y))), TrapNone
	case op < OpI32WrapI64:
		return float64Op(op, x, y), TrapNone
	}
	return convert(op, x)
}

func boolean(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func compareInt(op Op, x, y uint64) bool {
	if op < OpI64Eqz { // the same comparisons on the extended operands
		ux, uy := uint64(uint32(x)), uint64(uint32(y))
		sx, sy := int64(int32(x)), int64(int32(y))
		return compare64(op-OpI32Eqz, ux, uy, sx, sy)
	}
	return compare64(op-OpI64Eqz, x, y, int64(x), int64(y))
}

// compare64 takes the number of a comparison behind eqz.
func compare64(n Op, x, y uint64, sx, sy int64) bool {
	switch n {
	case 0:
		return x == 0
	case OpI64Eq - OpI64Eqz:
		return x == y
	case OpI64Ne - OpI64Eqz:
		return x != y
	case OpI64LtS - OpI64Eqz:
		return sx < sy
	case OpI64LtU - OpI64Eqz:
		return x < y
	case OpI64GtS - OpI64Eqz:
		return sx > sy
	case OpI64GtU - OpI64Eqz:
		return x > y
	case OpI64LeS - OpI64Eqz:
		return sx <= sy
	case OpI64LeU - OpI64Eqz:
		return x <= y
	case OpI64GeS - OpI64Eqz:
		return sx >= sy
	}
	return x >= y
}

func compareFloat(op Op, x, y uint64) bool {
	a, b := math.Float64frombits(x), math.Float64frombits(y)
	if op < OpF64Eq { // f32 to f64 is exact and keeps order
		a, b = float64(math.Float32frombits(uint32(x))), float64(math.Float32frombits(uint32(y)))
		op += OpF64Eq - OpF32Eq
	}
	switch op {
	case OpF64Eq:
		return a == b
	case OpF64Ne:
		return a != b
	case OpF64Lt:
		return a < b
	case OpF64Gt:
		return a > b
	case OpF64Le:
		return a <= b
	}
	return a >= b
}

func arithmetic32(op Op, x, y uint32) (uint32, TrapCode) {
	switch op {
	case OpI32Clz:
		return uint32(bits.LeadingZeros32(x)), TrapNone
	case OpI32Ctz:
		return uint32(bits.TrailingZeros32(x)), TrapNone
	case OpI32Popcnt:
		return uint32(bits.OnesCount32(x)), TrapNone
	case OpI32Add:
		return x + y, TrapNone
	case OpI32Sub:
		return x - y, TrapNone
	case OpI32Mul:
		return x * y, TrapNone
	case OpI32DivS, OpI32DivU, OpI32RemS, OpI32RemU:
		return divide32(op, x, y)
	case OpI32And:
		return x & y, TrapNone
	case OpI32Or:
		return x | y, TrapNone
	case OpI32Xor:
		return x ^ y, TrapNone
	case OpI32Shl:
		return x << (y & 31), TrapNone
	case OpI32ShrS:
		return uint32(int32(x) >> (y & 31)), TrapNone
	case OpI32ShrU:
		return x >> (y & 31), TrapNone
	case OpI32Rotl:
		return bits.RotateLeft32(x, int(y&31)), TrapNone
	}
	return bits.RotateLeft32(x, -int(y&31)), TrapNone
}

func divide32(op Op, x, y uint32) (uint32, TrapCode) {
	switch {
	case y == 0:
		return 0, TrapIntegerDivide
	case op == OpI32DivU:
		return x / y, TrapNone
	case op == OpI32RemU:
		return x % y, TrapNone
	case int32(y) == -1 && op == OpI32RemS:
		return 0, TrapNone
	case int32(y) == -1 && int32(x) == math.MinInt32:
		return 0, TrapIntegerOverflow
	case op == OpI32DivS:
		return uint32(int32(x) / int32(y)), TrapNone
	}
	return uint32(int32(x) % int32(y)), TrapNone
}

func arithmetic64(op Op, x, y uint64) (uint64, TrapCode) {
	switch op {
	case OpI64Clz:
		return uint64(bits.LeadingZeros64(x)), TrapNone
	case OpI64Ctz:
		return uint64(bits.TrailingZeros64(x)), TrapNone
	case OpI64Popcnt:
		return uint64(bits.OnesCount64(x)), TrapNone
	case OpI64Add:
		return x + y, TrapNone
	case OpI64Sub:
		return x - y, TrapNone
	case OpI64Mul:
		return x * y, TrapNone
	case OpI64DivS, OpI64DivU, OpI64RemS, OpI64RemU:
		return divide64(op, x, y)
	case OpI64And:
		return x & y, TrapNone
	case OpI64Or:
		return x | y, TrapNone
	case OpI64Xor:
		return x ^ y, TrapNone
	case OpI64Shl:
		return x << (y & 63), TrapNone
	case OpI64ShrS:
		return uint64(int64(x) >> (y & 63)), TrapNone
	case OpI64ShrU:
		return x >> (y & 63), TrapNone
	case OpI64Rotl:
		return bits.RotateLeft64(x, int(y&63)), TrapNone
	}
	return bits.RotateLeft64(x, -int(y&63)), TrapNone
}

func divide64(op Op, x, y uint64) (uint64, TrapCode) {
	switch {
	case y == 0:
		return 0, TrapIntegerDivide
	case op == OpI64DivU:
		return x / y, TrapNone
	case op == OpI64RemU:
		return x % y, TrapNone
	case int64(y) == -1 && op == OpI64RemS:
		return 0, TrapNone
	case int64(y) == -1 && int64(x) == math.MinInt64:
		return 0, TrapIntegerOverflow
	case op == OpI64DivS:
		return uint64(int64(x) / int64(y)), TrapNone
	}
	return uint64(int64(x) % int64(y)), TrapNone
}

func float32Op(op Op, x, y uint32) uint32 {
	const sign = 1 << 31
	a, b := math.Float32frombits(x), math.Float32frombits(y)
	switch op {
	case OpF32Abs:
		return x &^ sign
	case OpF32Neg:
		return x ^ sign
	case OpF32Ceil:
		return canon32(float32(math.Ceil(float64(a))))
	case OpF32Floor:
		return canon32(float32(math.Floor(float64(a))))
	case OpF32Trunc:
		return canon32(float32(math.Trunc(float64(a))))
	case OpF32Nearest:
		return canon32(float32(math.RoundToEven(float64(a))))
	case OpF32Sqrt:
		return canon32(float32(math.Sqrt(float64(a))))
	case OpF32Add:
		return canon32(float32(a + b))
	case OpF32Sub:
		return canon32(float32(a - b))
	case OpF32Mul:
		return canon32(float32(a * b))
	case OpF32Div:
		return canon32(float32(a / b))
	case OpF32Min:
		return Min32(x, y)
	case OpF32Max:
		return Max32(x, y)
	}
	return x&^sign | y&sign // copysign
}

// canon32 returns the bits of a result, canonical if it is a NaN.
func canon32(v float32) uint32 {
	if v != v {
		return NaN32
	}
	return math.Float32bits(v)
}

// Min32 is f32.min on bits: a NaN wins, and -0 is below 0.
func Min32(x, y uint32) uint32 {
	a, b := math.Float32frombits(x), math.Float32frombits(y)
	switch {
	case a != a || b != b:
		return NaN32
	case a < b:
		return x
	case b < a:
		return y
	}
	return x | y // equal: only the signs of zeros may differ
}

// Max32 is f32.max on bits.
func Max32(x, y uint32) uint32 {
	a, b := math.Float32frombits(x), math.Float32frombits(y)
	switch {
	case a != a || b != b:
		return NaN32
	case a > b:
		return x
	case b > a:
		return y
	}
	return x & y
}

func float64Op(op Op, x, y uint64) uint64 {
	const sign = 1 << 63
	a, b := math.Float64frombits(x), math.Float64frombits(y)
	switch op {
	case OpF64Abs:
		return x &^ sign
	case OpF64Neg:
		return x ^ sign
	case OpF64Ceil:
		return canon64(math.Ceil(a))
	case OpF64Floor:
		return canon64(math.Floor(a))
	case OpF64Trunc:
		return canon64(math.Trunc(a))
	case OpF64Nearest:
		return canon64(math.RoundToEven(a))
	case OpF64Sqrt:
		return canon64(math.Sqrt(a))
	case OpF64Add:
		return canon64(float64(a + b))
	case OpF64Sub:
		return canon64(float64(a - b))
	case OpF64Mul:
		return canon64(float64(a * b))
	case OpF64Div:
		return canon64(float64(a / b))
	case OpF64Min:
		return Min64(x, y)
	case OpF64Max:
		return Max64(x, y)
	}
	return x&^sign | y&sign // copysign
}

// canon64 returns the bits of a result, canonical if it is a NaN.
func canon64(v float64) uint64 {
	if v != v {
		return NaN64
	}
	return math.Float64bits(v)
}

// Min64 is f64.min on bits: a NaN wins, and -0 is below 0.
func Min64(x, y uint64) uint64 {
	a, b := math.Float64frombits(x), math.Float64frombits(y)
	switch {
	case a != a || b != b:
		return NaN64
	case a < b:
		return x
	case b < a:
		return y
	}
	return x | y // equal: only the signs of zeros may differ
}

// Max64 is f64.max on bits.
func Max64(x, y uint64) uint64 {
	a, b := math.Float64frombits(x), math.Float64frombits(y)
	switch {
	case a != a || b != b:
		return NaN64
	case a > b:
		return x
	case b > a:
		return y
	}
	return x & y
}

func convert(op Op, x uint64) (uint64, TrapCode) {
	f32 := float64(math.Float32frombits(uint32(x))) // exact
	f64 := math.Float64frombits(x)
	switch op {
	case OpI32WrapI64:
		return uint64(uint32(x)), TrapNone
	case OpI32TruncF32S:
		return truncate(f32, -1<<31, 1<<31, 32)
	case OpI32TruncF32U:
		return truncate(f32, 0, 1<<32, 32)
	case OpI32TruncF64S:
		return truncate(f64, -1<<31, 1<<31, 32)
	case OpI32TruncF64U:
		return truncate(f64, 0, 1<<32, 32)
	case OpI64ExtendI32S, OpI64Extend32S:
		return uint64(int64(int32(x))), TrapNone
	case OpI64TruncF32S:
		return truncate(f32, -1<<63, 1<<63, 64)
	case OpI64TruncF32U:
		return truncate(f32, 0, 1<<64, 64)
	case OpI64TruncF64S:
		return truncate(f64, -1<<63, 1<<63, 64)
	case OpI64TruncF64U:
		return truncate(f64, 0, 1<<64, 64)
	case OpI32Extend8S:
		return uint64(uint32(int8(x))), TrapNone
	case OpI32Extend16S:
		return uint64(uint32(int16(x))), TrapNone
	case OpI64Extend8S:
		return uint64(int8(x)), TrapNone
	case OpI64Extend16S:
		return uint64(int16(x)), TrapNone
	case OpI32TruncSatF32S:
		return saturate(f32, -1<<31, 1<<31, 32), TrapNone
	case OpI32TruncSatF32U:
		return saturate(f32, 0, 1<<32, 32), TrapNone
	case OpI32TruncSatF64S:
		return saturate(f64, -1<<31, 1<<31, 32), TrapNone
	case OpI32TruncSatF64U:
		return saturate(f64, 0, 1<<32, 32), TrapNone
	case OpI64TruncSatF32S:
		return saturate(f32, -1<<63, 1<<63, 64), TrapNone
	case OpI64TruncSatF32U:
		return saturate(f32, 0, 1<<64, 64), TrapNone
	case OpI64TruncSatF64S:
		return saturate(f64, -1<<63, 1<<63, 64), TrapNone
	case OpI64TruncSatF64U:
		return saturate(f64, 0, 1<<64, 64), TrapNone
	}
	return toFloat(op, x), TrapNone
}

func toFloat(op Op, x uint64) uint64 {
	switch op {
	case OpF32ConvertI32S:
		return uint64(math.Float32bits(float32(int32(x))))
	case OpF32ConvertI32U:
		return uint64(math.Float32bits(float32(uint32(x))))
	case OpF32ConvertI64S:
		return uint64(math.Float32bits(float32(int64(x))))
	case OpF32ConvertI64U:
		return uint64(math.Float32bits(FloatOfU64(x)))
	case OpF32DemoteF64:
		return uint64(canon32(float32(math.Float64frombits(x))))
	case OpF64ConvertI32S:
		return math.Float64bits(float64(int32(x)))
	case OpF64ConvertI32U:
		return math.Float64bits(float64(uint32(x)))
	case OpF64ConvertI64S:
		return math.Float64bits(float64(int64(x)))
	case OpF64ConvertI64U:
		return math.Float64bits(DoubleOfU64(x))
	}
	return canon64(float64(math.Float32frombits(uint32(x)))) // promote
}

// FloatOfU64 rounds an unsigned integer to the nearest float32. From 2^63 on
// the lowest bit is kept as a sticky bit of the half, which rounds alike: Go's
// own conversion is not the same instruction on every processor.
func FloatOfU64(x uint64) float32 {
	if int64(x) >= 0 {
		return float32(int64(x))
	}
	return float32(float32(int64(x>>1|x&1)) * 2)
}

// DoubleOfU64 rounds an unsigned integer to the nearest float64.
func DoubleOfU64(x uint64) float64 {
	if int64(x) >= 0 {
		return float64(int64(x))
	}
	return float64(float64(int64(x>>1|x&1)) * 2)
}

// truncate converts towards zero. The integer must be at least least and below
// most; width is that of the result.
func truncate(f, least, most float64, width int) (uint64, TrapCode) {
	switch {
	case f != f:
		return 0, TrapInvalidConversion
	case math.Trunc(f) < least || math.Trunc(f) >= most:
		return 0, TrapIntegerOverflow
	}
	return integer(f, width), TrapNone
}

// saturate is truncate that answers the nearest integer, and 0 for a NaN.
func saturate(f, least, most float64, width int) uint64 {
	switch {
	case f != f:
		return 0
	case math.Trunc(f) < least:
		return integer(least, width)
	case math.Trunc(f) >= most && least < 0:
		return 1<<(width-1) - 1
	case math.Trunc(f) >= most:
		return 1<<width - 1
	}
	return integer(f, width)
}

// integer converts a float in range. Conversions of Go are used only where
// they mean the same on every processor: from 2^63 on the bits are shifted.
func integer(f float64, width int) uint64 {
	v := uint64(0)
	if f >= 1<<63 {
		v = 1<<63 | uint64(int64(f-1<<63))
	} else {
		v = uint64(int64(f))
	}
	if width == 32 {
		return uint64(uint32(v))
	}
	return v
}
