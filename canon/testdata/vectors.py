"""Writes vectors.json: encodings written out by hand, hashes by hashlib alone.
Run it when a format's version moves, never because a test fails."""
import hashlib, json

def H(tag, *parts):
    b = b""
    for p in (tag.encode(),) + parts:
        b += len(p).to_bytes(8, "little") + p
    return "sha256:" + hashlib.sha256(b).hexdigest()

def bad(name, type, hex, expect, repeat=("", 0)):
    """repeat is a byte string and how often it follows."""
    return {"name": name, "type": type, "hex": hex.replace(" ", ""), "repeat": repeat[0], "times": repeat[1], "expect": expect}
def good(name, type, hex, json): return {"name": name, "type": type, "hex": hex.replace(" ", ""), "json": json}

v = {"version": 1}
v["hashes"] = [{"tag": t, "parts": [p.hex() for p in ps], "digest": H(t, *ps)} for t, ps in (
    ("", []), ("t", []), ("t", [b""]), ("t", [b"", b""]), ("t", [b"ab", b"c"]), ("t", [b"a", b"bc"]), ("ta", [b"b"]), ("assay/job/1", [bytes(1000)]))]
v["accepted"] = [
    good("zero", "uint", "00", "0"), good("small", "uint", "17", "23"), good("one byte", "uint", "18 18", "24"),
    good("two bytes", "uint", "19 0100", "256"), good("four bytes", "uint", "1a 00010000", "65536"),
    good("largest", "uint", "1b ffffffffffffffff", "18446744073709551615"),
    good("list", "list", "83 01 02 18ff", "[1,2,255]"), good("no list", "list", "80", "[]"),
    good("row", "row", "83 01 42 beef 62 c3a9", '{"A":1,"B":"vu8=","C":"é"}'),
    good("map", "map", "a2 61 61 01 62 6161 02", '{"a":1,"aa":2}'),
    good("fields", "fields", "a2 61 61 05 61 62 f5", '{"a":5,"b":true}'),
    good("digest", "digest", "58 20" + "11" * 32, '"sha256:' + "11" * 32 + '"'),
    good("nested", "nested", "81 81 80", "[[[]]]"),
]
v["refused"] = [
    bad("nothing", "uint", "", "EOF"), bad("trailing byte", "uint", "00 00", "extraneous data"),
    bad("long zero", "uint", "18 00", "canonical form"), bad("long 255", "uint", "19 00ff", "canonical form"),
    bad("long list length", "list", "98 01 01", "canonical form"), bad("long string length", "row", "83 01 58 02 beef 60", "canonical form"),
    bad("negative", "uint", "20", "cannot unmarshal"), bad("null", "uint", "f6", "canonical form"), bad("undefined", "list", "f7", "canonical form"),
    bad("null list", "list", "f6", "canonical form"), bad("float", "uint", "fb 3ff0000000000000", "cannot unmarshal"), bad("half float", "list", "81 f9 3c00", "cannot unmarshal"),
    bad("tag", "uint", "c1 00", "tag"), bad("self-described", "uint", "d9 d9f7 00", "tag"), bad("bignum", "uint", "c2 41 01", "tag"),
    bad("indefinite list", "list", "9f 01 ff", "indefinite"), bad("indefinite bytes", "row", "83 01 5f 41 00 ff 60", "indefinite"), bad("indefinite map", "map", "bf ff", "indefinite"),
    bad("unsorted map", "map", "a2 62 6161 02 61 61 01", "canonical form"), bad("length-first order", "map", "a2 62 6161 02 61 7a 01", "canonical form"),
    bad("duplicate key", "map", "a2 61 61 01 61 61 02", "duplicate"), bad("duplicate field", "fields", "a2 61 61 05 61 61 05", "duplicate"),
    bad("unknown field", "fields", "a2 61 61 05 61 63 f5", "unknown field"), bad("field in another case", "fields", "a2 61 41 05 61 62 f5", "unknown field"), bad("missing field", "fields", "a1 61 61 05", "canonical form"),
    bad("not UTF-8", "row", "83 01 40 61 ff", "UTF-8"), bad("surrogate", "row", "83 01 40 63 eda080", "UTF-8"),
    bad("short row", "row", "82 01 40", ""), bad("long row", "row", "84 01 40 60 00", ""), bad("row as map", "row", "a0", ""),
    bad("text for bytes", "row", "83 01 61 61 60", "cannot unmarshal"), bad("bytes for text", "row", "83 01 40 41 61", "cannot unmarshal"),
    bad("short digest", "digest", "58 1f" + "11" * 31, "canonical form"), bad("long digest", "digest", "58 21" + "11" * 33, ""),
    bad("truncated list", "list", "83 01 02", "EOF"), bad("truncated bytes", "row", "83 01 44 beef", "EOF"),
    bad("reserved length", "uint", "1c", "invalid additional information"), bad("a break alone", "list", "ff", ""),
    bad("huge list", "list", "9b ffffffffffffffff", ""), bad("list of 2^32", "list", "9b 0000000100000000", ""), bad("huge bytes", "row", "83 01 5b 7fffffffffffffff", ""),
    bad("huge map", "map", "bb ffffffffffffffff", ""), bad("list beyond the limit", "list", "9a 00020001", "exceeded max number of elements", ("00", 131073)),
    bad("17 levels", "nested", "81" * 16 + "80", "nested level"), bad("100,000 levels", "nested", "", "nested level", ("81", 100000)),
]
with open("vectors.json", "w") as f:
    json.dump(v, f, indent=1, ensure_ascii=False)
    f.write("\n")
