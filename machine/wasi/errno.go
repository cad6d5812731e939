package wasi

// Errno is a preview-1 error number.
type Errno uint32

// The errnos that this package returns.
const (
	Success     Errno = 0
	Badf        Errno = 8
	Exist       Errno = 20
	Fault       Errno = 21
	Ilseq       Errno = 25
	Inval       Errno = 28
	IO          Errno = 29
	Isdir       Errno = 31
	Mfile       Errno = 33
	Nametoolong Errno = 37
	Noent       Errno = 44
	Nospc       Errno = 51
	Nosys       Errno = 52
	Notdir      Errno = 54
	Notempty    Errno = 55
	Notsock     Errno = 57
	Notsup      Errno = 58
	Rofs        Errno = 69
	Spipe       Errno = 70
	Notcapable  Errno = 76
)

// Rights of a descriptor, by bit.
const (
	rightDatasync uint64 = 1 << iota
	rightRead
	rightSeek
	rightSetFlags
	rightSync
	rightTell
	rightWrite
	rightAdvise
	rightAllocate
	rightCreateDirectory
	rightCreateFile
	rightLinkSource
	rightLinkTarget
	rightOpen
	rightReaddir
	rightReadlink
	rightRenameSource
	rightRenameTarget
	rightPathFilestatGet
	rightPathFilestatSetSize
	rightPathFilestatSetTimes
	rightFilestatGet
	rightFilestatSetSize
	rightFilestatSetTimes
	rightSymlink
	rightRemoveDirectory
	rightUnlinkFile
	rightPoll
)

// Rights that a file or a folder can carry at all.
const (
	fileRights = rightDatasync | rightRead | rightSeek | rightSetFlags | rightSync | rightTell | rightWrite |
		rightAdvise | rightAllocate | rightFilestatGet | rightFilestatSetSize | rightFilestatSetTimes | rightPoll
	folderRights = rightSetFlags | rightSync | rightDatasync | rightAdvise | rightCreateDirectory | rightCreateFile |
		rightLinkSource | rightLinkTarget | rightOpen | rightReaddir | rightReadlink | rightRenameSource |
		rightRenameTarget | rightPathFilestatGet | rightPathFilestatSetSize | rightPathFilestatSetTimes |
		rightFilestatGet | rightFilestatSetTimes | rightSymlink | rightRemoveDirectory | rightUnlinkFile
	// What changes a file cannot be had for one of the input.
	changeRights = rightDatasync | rightWrite | rightAllocate | rightFilestatSetSize | rightFilestatSetTimes
	stdinRights  = rightRead | rightSeek | rightTell | rightSetFlags | rightFilestatGet | rightPoll | rightAdvise
	streamRights = rightWrite | rightSetFlags | rightFilestatGet | rightPoll | rightSync | rightDatasync | rightAdvise
)

// Flags and discriminants of preview 1.
const (
	fdAppend   = 1 << 0
	fdAllFlags = 1<<5 - 1

	openCreate    = 1 << 0
	openDirectory = 1 << 1
	openExclusive = 1 << 2
	openTruncate  = 1 << 3
	openAllFlags  = 1<<4 - 1

	whenceSet = 0
	whenceCur = 1
	whenceEnd = 2

	typeDirectory = 3
	typeRegular   = 4

	eventClock   = 0
	eventFdRead  = 1
	eventFdWrite = 2
	clockAbs     = 1 << 0

	clockRealtime = 0
	lastClock     = 3 // monotonic, process time and thread time
)
