"""Writes vectors.json: an implementation of the trees that shares no code with
package merkle. Run it in this folder when a format's version moves, never
because a test fails."""
import hashlib, json

def sha(b): return hashlib.sha256(b).digest()
def u64(n): return n.to_bytes(8, "little")
def H(tag, *parts):
    return sha(b"".join(u64(len(p)) + p for p in (tag.encode(),) + parts))

def head(major, n):
    for size, code in ((1, 24), (2, 25), (4, 26), (8, 27)):
        if n < 24: return bytes([major << 5 | n])
        if n < 1 << 8 * size: return bytes([major << 5 | code]) + n.to_bytes(size, "big")
def cbor(v):
    if isinstance(v, bool): return b"\xf5" if v else b"\xf4"
    if isinstance(v, int): return head(0, v)
    if isinstance(v, bytes): return head(2, len(v)) + v
    if isinstance(v, str): return head(3, len(v.encode())) + v.encode()
    return head(4, len(v)) + b"".join(map(cbor, v))

LEAF, NODE = b"assay/leaf/1".ljust(16, b"\0"), b"assay/node/1".ljust(16, b"\0")
def leaf(b): return sha(LEAF + b)
def node(l, r): return sha(NODE + l + r)
EMPTY = H("assay/empty/1")

# Levels are built from below and an odd last node moves up unchanged, which
# gives the shape of RFC 9162 without computing any split.
def levels(leaves, join):
    out = [leaves]
    while len(out[-1]) > 1:
        a = out[-1]
        out.append([join(a[i], a[i + 1]) if i + 1 < len(a) else a[i] for i in range(0, len(a), 2)])
    return out
def root(leaves): return levels(leaves, node)[-1][0] if leaves else EMPTY
def path(leaves, i, join=node, step=lambda n, left: n):
    out = []
    for a in levels(leaves, join)[:-1]:
        if i ^ 1 < len(a): out.append(step(a[i ^ 1], bool(i & 1)))
        i //= 2
    return out
def file_leaves(b): return [leaf(b[i:i + 1024]) for i in range(0, len(b), 1024)]
def file(b): return H("assay/file/1", u64(len(b)), root(file_leaves(b)))

def sum_leaf(data, w): return (H("assay/sum-leaf/1", u64(w), data), w)
def sum_join(l, r): return (H("assay/sum-node/1", u64(l[1]) + u64(r[1]), l[0], r[0]), l[1] + r[1])
def sum_root(ls): return levels(ls, sum_join)[-1][0] if ls else (EMPTY, 0)
def sum_path(ls, i): return path(ls, i, sum_join, lambda n, left: [list(n), left])

def entry_leaves(es): return [sum_leaf(cbor(e), e[3]) for e in es]
def folder(es):
    r = sum_root(entry_leaves(es))
    return H("assay/folder/1", u64(len(es)) + u64(r[1]), r[0])
def step(es, i):
    ls = entry_leaves(es)
    r = sum_root(ls)
    return [len(es), r[1], r[0], es[i], sum_path(ls, i)]

def text(d): return "sha256:" + d.hex()
def pattern(n): return bytes(i * 7 % 251 for i in range(n))
def entries(*rows): return [[n, k, d, s] for n, k, d, s in rows]

NO_ENTRY = ["", 0, bytes(32), 0]
v = {"version": 1}
v["empty_root"] = text(EMPTY)
v["leaves"] = [{"data": pattern(n).hex(), "digest": text(leaf(pattern(n)))} for n in (0, 1, 64, 1024, 1025)]
v["trees"] = []
for n in (0, 1, 2, 3, 4, 5, 7, 8, 9, 33):
    ls = [leaf(bytes([i])) for i in range(n)]
    v["trees"].append({"leaves": n, "root": text(root(ls)), "last_path": [text(p) for p in path(ls, n - 1)] if n else []})
v["files"] = [{"size": n, "digest": text(file(pattern(n)))} for n in (0, 1, 1023, 1024, 1025, 2048, 5000, 1 << 20, (1 << 20) + 1, (3 << 20) + 1)]
SUMS = [3, 0, 5, 2, 0, 1]
sl = [sum_leaf(bytes([i]), w) for i, w in enumerate(SUMS)]
v["sum"] = {"weights": SUMS, "root": text(sum_root(sl)[0]), "total": sum(SUMS), "leaf_of": [0, 0, 0, 2, 2, 2, 2, 2, 3, 3, 5]}

fa, fb = pattern(3000), b"hello"
inner = entries(("a", 1, file(fa), len(fa)), ("empty", 1, file(b""), 0))
outer = entries(("dir", 2, folder(inner), len(fa)), ("hi", 1, file(fb), len(fb)), ("none", 2, folder([]), 0))
v["folders"] = [{"listing": cbor(es).hex(), "digest": text(folder(es))} for es in ([], inner, outer)]

fl = file_leaves(fa)
good = [[step(outer, 0), step(inner, 0)], 3000, fa[1024:2048], path(fl, 1)]
def op(name, expect, number, o, r=folder(outer)):
    return {"name": name, "expect": expect, "root": text(r), "number": number, "opening": cbor(o).hex()}
def put(o, value, *where):
    if not where: return value
    o = list(o)
    o[where[0]] = put(o[where[0]], value, *where[1:])
    return o
ops = [
    op("second leaf of dir/a", "", 1500, good),
    op("the same, beyond the total", "", 1500 + 3 * 3005, good),
    op("hi", "", 3004, [[step(outer, 1)], 5, fb, []]),
    op("a file alone", "", 3000 * 5 + 2999, [[], 3000, fa[2048:], path(fl, 2)], file(fa)),
    op("an empty file", "", 9, [[], 0, b"", []], file(b"")),
    op("an empty folder", "", 9, [[[0, 0, EMPTY, NO_ENTRY, []]], 0, b"", []], folder([])),
    op("another offset", "leaf", 2048, good),
    op("an entry that does not cover the offset", "number", 1500, [[step(outer, 1)], 5, fb, []]),
    op("one byte of the leaf", "differs", 1500, put(good, b"\xff" + fa[1025:2048], 2)),
    op("a short leaf", "leaf of 1023 bytes", 1500, put(good, fa[1024:2047], 2)),
    op("no path", "path", 1500, put(good, [], 3)),
    op("another file size", "its folder says", 1500, put(good, 3001, 1)),
    op("another count", "digest differs", 1500, put(good, 4, 0, 0, 0)),
    op("another total", "digest differs", 1500, put(good, 3004, 0, 0, 1)),
    op("a child with another total", "its parent says", 1500, put(good, 2999, 0, 1, 1)),
    op("another entry size", "number", 1500, put(good, 2999, 0, 0, 3, 3)),
    op("another entry digest", "number", 1500, put(good, file(fb), 0, 0, 3, 2)),
    op("one folder only", "kind 2", 1500, put(good, good[0][:1], 0)),
    op("a folder below a file", "kind 1", 3004, [[step(outer, 1), step(inner, 0)], 5, fb, []]),
    op("another root", "differs", 1500, good, folder(inner)),
    op("nothing, but something", "nothing to open", 9, [[[0, 0, EMPTY, NO_ENTRY, []]], 0, b"x", []], folder([])),
    op("nothing of a full folder", "digest differs", 9, [[[3, 0, sum_root(entry_leaves(outer))[0], NO_ENTRY, []]], 0, b"", []]),
]
# The listing states sizes that are not the children's: it has a digest, but no
# number that falls into the lie has an opening.
lied = put(outer, 4000, 0, 3)
ops.append(op("a listing that lies", "its parent says", 1500, put(good, step(lied, 0), 0, 0), folder(lied)))
lied = put(outer, 2, 1, 3)
ops.append(op("a listing that lies of a file", "its folder says", 3001, [[step(lied, 1)], 5, fb, []], folder(lied)))
v["openings"] = ops
with open("vectors.json", "w") as f:
    json.dump(v, f, indent=1)
    f.write("\n")
