package wasm

import "strings"

// WASIModule is the module name of every import that wasm/1 admits.
const WASIModule = "wasi_snapshot_preview1"

// CheckProfile decides whether a valid module is a program of wasm/1 that
// fits a job with the given memory limit. It refuses:
//
//   - imports that are not preview-1 functions with their preview-1 types (the
//     same function may be imported more than once),
//   - a module without an export _start of type () -> () or, an epoch program,
//     assay_step of type () -> (i32); one with both; an epoch program whose
//     other entries have another type than () -> (), or that drops segments,
//   - a memory whose minimum is above memoryPages, tables whose minimums
//     together are above MaxTableElems,
//   - active segments that do not fit the declared minimum of their memory or
//     table: instantiation could not succeed.
func CheckProfile(m *Module, memoryPages uint32) error {
	if !m.validated {
		return refuse(CodeNotValidated, 0, "")
	}
	for i := range m.Imports {
		if err := checkImport(m, &m.Imports[i]); err != nil {
			return err
		}
	}
	if _, err := entryOf(m); err != nil {
		return err
	}
	for _, b := range m.Memories {
		if b.Min > memoryPages {
			return refuse(CodeMemoryAboveLimit, 0, "%d pages, limit %d", b.Min, memoryPages)
		}
	}
	elems := uint64(0)
	for _, t := range m.Tables {
		elems += uint64(t.Min)
	}
	if elems > MaxTableElems {
		return refuse(CodeTableAboveLimit, 0, "%d elements in tables, limit %d", elems, MaxTableElems)
	}
	return checkSegments(m)
}

func checkImport(m *Module, im *Import) error {
	if im.Module != WASIModule || im.Kind != KindFunc {
		return refuse(CodeForeignImport, im.Offset, "%q %q", im.Module, im.Name)
	}
	want, ok := WASISignature(im.Name)
	if !ok {
		return refuse(CodeForeignImport, im.Offset, "preview-1 has no function %q", im.Name)
	}
	got := m.Types[im.Func]
	if !sameTypes(got.Params, want.Params) || !sameTypes(got.Results, want.Results) {
		return refuse(CodeImportSignature, im.Offset, "%s", im.Name)
	}
	return nil
}

// checkSegments compares active segments with declared minimums. Imports of
// globals are refused by now, so every offset is a constant.
func checkSegments(m *Module) error {
	memory := uint64(0)
	if len(m.Memories) > 0 {
		memory = uint64(m.Memories[0].Min) * PageBytes
	}
	for i := range m.Datas {
		s := &m.Datas[i]
		if s.Mode == Active && s.At.Bits+uint64(len(s.Init)) > memory {
			return refuse(CodeSegmentOutside, int(s.Offset), "data segment %d: %d bytes at %d", i, len(s.Init), s.At.Bits)
		}
	}
	for i := range m.Elems {
		s := &m.Elems[i]
		if s.Mode == Active && s.At.Bits+uint64(len(s.Init)) > uint64(m.Tables[s.Table].Min) {
			return refuse(CodeSegmentOutside, s.Offset, "element segment %d: %d elements at %d", i, len(s.Init), s.At.Bits)
		}
	}
	return nil
}

// wasiSignatures are the 46 functions of WASI preview 1 as witx lowers them to
// core types: i is i32, l is i64; parameters, a colon, results.
var wasiSignatures = [...]struct{ name, sig string }{
	{"args_get", "ii:i"},
	{"args_sizes_get", "ii:i"},
	{"clock_res_get", "ii:i"},
	{"clock_time_get", "ili:i"},
	{"environ_get", "ii:i"},
	{"environ_sizes_get", "ii:i"},
	{"fd_advise", "illi:i"},
	{"fd_allocate", "ill:i"},
	{"fd_close", "i:i"},
	{"fd_datasync", "i:i"},
	{"fd_fdstat_get", "ii:i"},
	{"fd_fdstat_set_flags", "ii:i"},
	{"fd_fdstat_set_rights", "ill:i"},
	{"fd_filestat_get", "ii:i"},
	{"fd_filestat_set_size", "il:i"},
	{"fd_filestat_set_times", "illi:i"},
	{"fd_pread", "iiili:i"},
	{"fd_prestat_dir_name", "iii:i"},
	{"fd_prestat_get", "ii:i"},
	{"fd_pwrite", "iiili:i"},
	{"fd_read", "iiii:i"},
	{"fd_readdir", "iiili:i"},
	{"fd_renumber", "ii:i"},
	{"fd_seek", "ilii:i"},
	{"fd_sync", "i:i"},
	{"fd_tell", "ii:i"},
	{"fd_write", "iiii:i"},
	{"path_create_directory", "iii:i"},
	{"path_filestat_get", "iiiii:i"},
	{"path_filestat_set_times", "iiiilli:i"},
	{"path_link", "iiiiiii:i"},
	{"path_open", "iiiiillii:i"},
	{"path_readlink", "iiiiii:i"},
	{"path_remove_directory", "iii:i"},
	{"path_rename", "iiiiii:i"},
	{"path_symlink", "iiiii:i"},
	{"path_unlink_file", "iii:i"},
	{"poll_oneoff", "iiii:i"},
	{"proc_exit", "i:"},
	{"proc_raise", "i:i"},
	{"random_get", "ii:i"},
	{"sched_yield", ":i"},
	{"sock_accept", "iii:i"},
	{"sock_recv", "iiiiii:i"},
	{"sock_send", "iiiii:i"},
	{"sock_shutdown", "ii:i"},
}

// WASISignature returns the type that preview 1 gives a function.
func WASISignature(name string) (FuncType, bool) {
	for _, s := range wasiSignatures {
		if s.name == name {
			params, results, _ := strings.Cut(s.sig, ":")
			return FuncType{Params: sigTypes(params), Results: sigTypes(results)}, true
		}
	}
	return FuncType{}, false
}

// WASINames returns the names of the preview-1 functions, sorted.
func WASINames() []string {
	names := make([]string, len(wasiSignatures))
	for i, s := range wasiSignatures {
		names[i] = s.name
	}
	return names
}

func sigTypes(s string) []ValType {
	ts := make([]ValType, len(s))
	for i := range len(s) {
		ts[i] = I32
		if s[i] == 'l' {
			ts[i] = I64
		}
	}
	return ts
}
