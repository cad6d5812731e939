package wasi

// Func names one of the 46 functions of preview 1, in the order of their names.
type Func uint8

// The functions.
const (
	ArgsGet Func = iota
	ArgsSizesGet
	ClockResGet
	ClockTimeGet
	EnvironGet
	EnvironSizesGet
	FdAdvise
	FdAllocate
	FdClose
	FdDatasync
	FdFdstatGet
	FdFdstatSetFlags
	FdFdstatSetRights
	FdFilestatGet
	FdFilestatSetSize
	FdFilestatSetTimes
	FdPread
	FdPrestatDirName
	FdPrestatGet
	FdPwrite
	FdRead
	FdReaddir
	FdRenumber
	FdSeek
	FdSync
	FdTell
	FdWrite
	PathCreateDirectory
	PathFilestatGet
	PathFilestatSetTimes
	PathLink
	PathOpen
	PathReadlink
	PathRemoveDirectory
	PathRename
	PathSymlink
	PathUnlinkFile
	PollOneoff
	ProcExit
	ProcRaise
	RandomGet
	SchedYield
	SockAccept
	SockRecv
	SockSend
	SockShutdown

	// NumFuncs is their number.
	NumFuncs = int(SockShutdown) + 1
)

// Treatment says what a call does.
type Treatment string

// The treatments. Every other treatment is an errno that the function always
// returns, at the base price and without looking at its arguments.
const (
	Implemented Treatment = "implemented"
	NoOp        Treatment = "no-op" // checks its arguments and succeeds
)

// FuncInfo is one row of the table in docs/WASM.md. Params and Results have
// one letter per value: i is i32, l is i64.
type FuncInfo struct {
	Name      string
	Params    string
	Results   string
	Treatment Treatment
	Text      string
}

// Functions returns the table; Func is the index. It is the text of
// docs/WASM.md and the list from which an engine links its imports.
func Functions() []FuncInfo { return append([]FuncInfo(nil), functions[:]...) }

var functions = [NumFuncs]FuncInfo{
	ArgsGet:              {"args_get", "ii", "i", Implemented, "the job's arguments, each with a zero byte"},
	ArgsSizesGet:         {"args_sizes_get", "ii", "i", Implemented, "their number and their bytes"},
	ClockResGet:          {"clock_res_get", "ii", "i", Implemented, "1,000 ns for each of the four clocks"},
	ClockTimeGet:         {"clock_time_get", "ili", "i", Implemented, "the reading, then the clock gains 1,000 ns; the precision is ignored"},
	EnvironGet:           {"environ_get", "ii", "i", Implemented, "the job's environment, each entry with a zero byte"},
	EnvironSizesGet:      {"environ_sizes_get", "ii", "i", Implemented, "its number of entries and their bytes"},
	FdAdvise:             {"fd_advise", "illi", "i", NoOp, "checks the descriptor and that the advice is 0 to 5"},
	FdAllocate:           {"fd_allocate", "ill", "i", Implemented, "extends a file of /out with zeros to offset + length; never cuts it"},
	FdClose:              {"fd_close", "i", "i", Implemented, "streams and preopened folders can be closed too"},
	FdDatasync:           {"fd_datasync", "i", "i", NoOp, "checks the descriptor"},
	FdFdstatGet:          {"fd_fdstat_get", "ii", "i", Implemented, "streams are regular files, so C buffers them fully"},
	FdFdstatSetFlags:     {"fd_fdstat_set_flags", "ii", "i", Implemented, "stores the five flags; only append has an effect"},
	FdFdstatSetRights:    {"fd_fdstat_set_rights", "ill", "i", Implemented, "rights can only be dropped"},
	FdFilestatGet:        {"fd_filestat_get", "ii", "i", Implemented, "device 1 is the input, 2 the output; links 1; all times are the job's start"},
	FdFilestatSetSize:    {"fd_filestat_set_size", "il", "i", Implemented, "cuts a file of /out or extends it with zeros"},
	FdFilestatSetTimes:   {"fd_filestat_set_times", "illi", "i", NoOp, "times stay the job's start; in /in errno rofs"},
	FdPread:              {"fd_pread", "iiili", "i", Implemented, "as fd_read, at an offset; streams give spipe"},
	FdPrestatDirName:     {"fd_prestat_dir_name", "iii", "i", Implemented, "`/in` for descriptor 3, `/out` for 4"},
	FdPrestatGet:         {"fd_prestat_get", "ii", "i", Implemented, "descriptors 3 and 4 while they are open; others badf"},
	FdPwrite:             {"fd_pwrite", "iiili", "i", Implemented, "as fd_write, at an offset; streams give spipe"},
	FdRead:               {"fd_read", "iiii", "i", Implemented, "at most 65,536 bytes into at most 16 non-empty buffers; short only for that and at the end"},
	FdReaddir:            {"fd_readdir", "iiili", "i", Implemented, "sorted by name bytes, without . and ..; the last entry may be cut; see the text"},
	FdRenumber:           {"fd_renumber", "ii", "i", Implemented, "both descriptors must be open; the target is closed first"},
	FdSeek:               {"fd_seek", "ilii", "i", Implemented, "also on stdin; on stdout and stderr spipe; on folders isdir"},
	FdSync:               {"fd_sync", "i", "i", NoOp, "checks the descriptor"},
	FdTell:               {"fd_tell", "ii", "i", Implemented, "as fd_seek by 0"},
	FdWrite:              {"fd_write", "iiii", "i", Implemented, "at most 65,536 bytes from at most 16 non-empty buffers; streams and append files write at the end"},
	PathCreateDirectory:  {"path_create_directory", "iii", "i", Implemented, "in /out"},
	PathFilestatGet:      {"path_filestat_get", "iiiii", "i", Implemented, "as fd_filestat_get; there are no links to follow"},
	PathFilestatSetTimes: {"path_filestat_set_times", "iiiilli", "i", NoOp, "the path must exist; in /in errno rofs"},
	PathLink:             {"path_link", "iiiiiii", "i", "errno notsup", "there are no links"},
	PathOpen:             {"path_open", "iiiiillii", "i", Implemented, "rights are those asked for that parent and kind allow; see the text"},
	PathReadlink:         {"path_readlink", "iiiiii", "i", "errno inval", "nothing is a link"},
	PathRemoveDirectory:  {"path_remove_directory", "iii", "i", Implemented, "in /out, if empty"},
	PathRename:           {"path_rename", "iiiiii", "i", Implemented, "within /out; replaces a file by a file, an empty folder by a folder"},
	PathSymlink:          {"path_symlink", "iiiii", "i", "errno notsup", "there are no links"},
	PathUnlinkFile:       {"path_unlink_file", "iii", "i", Implemented, "in /out; open descriptors keep the content"},
	PollOneoff:           {"poll_oneoff", "iiii", "i", Implemented, "descriptors are ready at once; else the clock moves to the earliest due time"},
	ProcExit:             {"proc_exit", "i", "", Implemented, "ends the run; the code is the result's exit code"},
	ProcRaise:            {"proc_raise", "i", "i", "errno nosys", "there are no signals"},
	RandomGet:            {"random_get", "ii", "i", Implemented, "the job's stream, any length"},
	SchedYield:           {"sched_yield", "", "i", NoOp, "there is one thread"},
	SockAccept:           {"sock_accept", "iii", "i", "errno notsock", "no descriptor is a socket"},
	SockRecv:             {"sock_recv", "iiiiii", "i", "errno notsock", "no descriptor is a socket"},
	SockSend:             {"sock_send", "iiiii", "i", "errno notsock", "no descriptor is a socket"},
	SockShutdown:         {"sock_shutdown", "ii", "i", "errno notsock", "no descriptor is a socket"},
}
