/* SPDX-License-Identifier: ISC
 *
 * jail-filter: the system calls each kind of process may make, by libseccomp.  Three layers:
 * everybody's list of refused calls (EPERM); for roles that run no program, a list of allowed calls
 * beside it (ENOSYS for the rest, so that a newer libc falls back to what is listed); for a process
 * that holds a hostile letter, a short list and death for all else.  Relies on no-new-privileges
 * being set.  Refuses other architectures' calls (death).
 */
#include "base/jail-filter.h"
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <unistd.h>

#ifndef F_GET_SEALS
#define F_GET_SEALS 1034
#endif

static void
must(int result, const char *what)
{
	if (result < 0)
		fatal(EX_OSERR, "seccomp: %s: %s", what, g_strerror(-result));
}

/* ---- tables: one name a call, blanks between them ------------------------------------ */

/* Refused to every role: what looks into other processes, changes the view of the system, or is
 * large, young kernel code that nobody here needs. */
static const char refused[] =
	"ptrace process_vm_readv process_vm_writev process_madvise kcmp "
	"pidfd_getfd mount umount umount2 mount_setattr move_mount open_tree fsopen fsconfig "
	"fsmount fspick pivot_root chroot unshare setns bpf perf_event_open io_uring_setup "
	"io_uring_enter io_uring_register keyctl add_key request_key userfaultfd kexec_load "
	"kexec_file_load init_module finit_module create_module delete_module reboot swapon "
	"swapoff quotactl quotactl_fd acct name_to_handle_at open_by_handle_at iopl ioperm "
	"lookup_dcookie _sysctl sysfs uselib ustat nfsservctl settimeofday clock_settime "
	"clock_adjtime adjtimex clock_settime64 clock_adjtime64 stime sethostname "
	"setdomainname syslog vhangup modify_ldt fanotify_init fanotify_mark mbind "
	"migrate_pages move_pages set_mempolicy";

/* Allowed to the roles that run no program.  Not here, with conditions further down: socket,
 * socketpair, clone, fork, vfork, ioctl. */
static const char allowed[] =
	"read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 open openat "
	"openat2 creat close close_range lseek _llseek stat lstat fstat fstatat64 newfstatat "
	"statx access faccessat faccessat2 readlink readlinkat getdents getdents64 getcwd "
	"chdir fchdir mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link "
	"linkat chmod fchmod fchmodat chown fchown lchown fchownat umask truncate ftruncate "
	"fallocate fsync fdatasync sync_file_range syncfs flock fcntl utimensat fadvise64 "
	"copy_file_range sendfile splice statfs fstatfs dup dup2 dup3 pipe pipe2 poll ppoll "
	"select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait "
	"epoll_pwait2 eventfd eventfd2 signalfd signalfd4 timerfd_create timerfd_settime "
	"timerfd_gettime inotify_init inotify_init1 inotify_add_watch inotify_rm_watch "
	"memfd_create mmap mprotect munmap mremap msync madvise mincore brk mlock munlock "
	"membarrier rseq set_robust_list get_robust_list set_tid_address arch_prctl futex "
	"futex_waitv sched_yield sched_getaffinity getpriority setpriority getpid getppid "
	"gettid getuid geteuid getgid getegid getgroups getresuid getresgid getpgid getpgrp "
	"getsid setsid setpgid uname sysinfo getrusage times getrlimit setrlimit prlimit64 "
	"getrandom clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time "
	"getcpu restart_syscall rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending "
	"rt_sigtimedwait rt_sigsuspend rt_sigqueueinfo sigaltstack kill tgkill tkill alarm "
	"setitimer getitimer pause exit exit_group wait4 waitid pidfd_open pidfd_send_signal "
	"prctl seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self bind "
	"listen accept accept4 connect getsockopt setsockopt getsockname getpeername sendto "
	"recvfrom sendmsg recvmsg sendmmsg recvmmsg shutdown";

/* Allowed to a process with a letter (measured with letters up to 25 MB): its one
 * socket, its memfds, memory, an end.  tgkill: abort() only, see own_signals_only(). */
static const char letter_allowed[] =
	"recvmsg sendmsg read readv write writev fstat lseek close munmap mremap brk madvise "
	"futex poll ppoll getrandom clock_gettime clock_getres gettimeofday getpid gettid "
	"tgkill rt_sigprocmask rt_sigaction rt_sigreturn restart_syscall exit exit_group"
#ifdef UNGCUU_TEST_HOOKS
	" pread64 pwrite64"
#endif
	;

/* Answered "no such file": what C library, converters and parser look for and do well without. */
static const char letter_absent[] =
	"open openat openat2 stat lstat statx access faccessat faccessat2 readlink readlinkat";

static void
add_names(scmp_filter_ctx filter, guint32 action, const char *names)
{
	g_auto(GStrv) list = g_strsplit(names, " ", -1);

	for (char **name = list; *name; name++) {
		int call = seccomp_syscall_resolve_name(*name);

		if (call != __NR_SCMP_ERROR)	/* a name this libseccomp does not know yet */
			must(seccomp_rule_add(filter, action, call, 0), *name);
	}
}

static scmp_filter_ctx
filter_new(guint32 standard)
{
	scmp_filter_ctx filter = seccomp_init(standard);

	if (!filter)
		fatal(EX_OSERR, "seccomp: cannot make a filter");
	must(seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), "arch");
	return filter;
}

/* ---- the filter of a role ------------------------------------------------------------ */

#define EPERM_ACTION SCMP_ACT_ERRNO(EPERM)
#define NAMESPACES ((scmp_datum_t)(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | \
	CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET))

/* Threads for all (they share the filter), processes with JAIL_FORK, new namespaces for nobody.
 * clone3 keeps its flags in memory where no filter sees them: the C library falls back to clone. */
static void
add_clone(scmp_filter_ctx filter, unsigned allow, bool listed)
{
	if (!listed)	/* where calls are listed, ENOSYS is what the rest gets anyway */
		add_names(filter, SCMP_ACT_ERRNO(ENOSYS), "clone3");
	for (scmp_datum_t bit = 1; bit <= NAMESPACES; bit <<= 1)
		if (bit & NAMESPACES)
			must(seccomp_rule_add(filter, EPERM_ACTION, SCMP_SYS(clone), 1,
				SCMP_A0(SCMP_CMP_MASKED_EQ, bit, bit)), "clone");
	if (!(allow & JAIL_FORK)) {
		must(seccomp_rule_add(filter, EPERM_ACTION, SCMP_SYS(clone), 1,
			SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0)), "clone");
		add_names(filter, EPERM_ACTION, "fork vfork");
	}
	if (!listed)
		return;
	scmp_datum_t thread = allow & JAIL_FORK ? 0 : CLONE_THREAD;
	must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
		SCMP_A0(SCMP_CMP_MASKED_EQ, NAMESPACES | thread, thread)), "clone");
	if (allow & JAIL_FORK)
		add_names(filter, SCMP_ACT_ALLOW, "fork vfork");
}

static bool
family_is_allowed(int family, unsigned allow)
{
	if (family == AF_UNIX)
		return allow & JAIL_UNIX;
	return (family == AF_INET || family == AF_INET6) && (allow & JAIL_INET);
}

/* The kernel looks at the low half of the argument only: whatever lies above AF_MAX, upper half
 * included, is refused. */
static void
add_families(scmp_filter_ctx filter, unsigned allow, bool listed)
{
	const int calls[] = { SCMP_SYS(socket), SCMP_SYS(socketpair) };

	for (gsize i = 0; i < G_N_ELEMENTS(calls); i++) {
		for (int family = 0; family < AF_MAX; family++) {
			bool good = family_is_allowed(family, allow);

			if (good && !listed)
				continue;
			must(seccomp_rule_add(filter, good ? SCMP_ACT_ALLOW :
				SCMP_ACT_ERRNO(EAFNOSUPPORT), calls[i], 1,
				SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family)), "socket");
		}
		must(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), calls[i], 1,
			SCMP_A0(SCMP_CMP_GE, AF_MAX)), "socket");
	}
}

/* Typing into somebody's terminal is refused to all; otherwise only harmless questions are
 * listed. */
static void
add_ioctl(scmp_filter_ctx filter, bool listed)
{
	const scmp_datum_t typing[] = { TIOCSTI, TIOCLINUX, TIOCSETD };
	const scmp_datum_t harmless[] = { TCGETS, FIONREAD, FIONBIO, FIOCLEX, TIOCGWINSZ };

	for (gsize i = 0; i < G_N_ELEMENTS(typing); i++)
		must(seccomp_rule_add(filter, EPERM_ACTION, SCMP_SYS(ioctl), 1,
			SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, typing[i])), "ioctl");
	for (gsize i = 0; listed && i < G_N_ELEMENTS(harmless); i++)
		must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
			SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, harmless[i])), "ioctl");
}

void
filter_enter(unsigned allow)
{
	bool listed = !(allow & JAIL_EXEC);
	scmp_filter_ctx filter = filter_new(listed ? SCMP_ACT_ERRNO(ENOSYS) : SCMP_ACT_ALLOW);

	add_names(filter, EPERM_ACTION, refused);
	/* Any personality but the default one: some switch off address layout randomness. */
	must(seccomp_rule_add(filter, EPERM_ACTION, SCMP_SYS(personality), 1,
		SCMP_A0(SCMP_CMP_NE, 0)), "personality");
	/* inotify tells the names of what others make in folders that may not be read; and nobody
	 * leaves the group that is killed with its worker. */
	if (!listed)
		add_names(filter, EPERM_ACTION, "inotify_init inotify_init1 inotify_add_watch "
			"setsid setpgid");
	if (listed) {
		add_names(filter, EPERM_ACTION, "execve execveat");
		add_names(filter, SCMP_ACT_ALLOW, allowed);
	}
	add_clone(filter, allow, listed);
	add_families(filter, allow, listed);
	add_ioctl(filter, listed);
	must(seccomp_load(filter), "load");
	seccomp_release(filter);
}

/* ---- the filter of a letter ---------------------------------------------------------- */

static struct sock_fprog letter_program;

/* libseccomp 2.5 exports to a descriptor only. */
static void
program_take(scmp_filter_ctx filter)
{
	int fd = memfd_new("filter");

	must(seccomp_export_bpf(filter, fd), "export");
	off_t size = lseek(fd, 0, SEEK_END);
	gsize n = size > 0 ? (gsize)size / sizeof(struct sock_filter) : 0;
	if (n == 0 || n > BPF_MAXINSNS)
		fatal(EX_OSERR, "seccomp: letter filter of %" G_GSIZE_FORMAT " instructions", n);
	letter_program.filter = g_new(struct sock_filter, n);
	letter_program.len = (unsigned short)n;
	if (pread(fd, letter_program.filter, (gsize)size, 0) != size)
		fatal(EX_OSERR, "seccomp: export: %s", g_strerror(errno));
	close(fd);
}

void
filter_letter_prepare(void)
{
	const scmp_datum_t commands[] = { F_GETFD, F_GETFL, F_GET_SEALS };
	const int protecting[] = { SCMP_SYS(mmap), SCMP_SYS(mprotect) };
	scmp_filter_ctx filter = filter_new(SCMP_ACT_KILL_PROCESS);

	add_names(filter, SCMP_ACT_ALLOW, letter_allowed);
	add_names(filter, SCMP_ACT_ERRNO(ENOENT), letter_absent);
	for (gsize i = 0; i < G_N_ELEMENTS(protecting); i++)
		must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, protecting[i], 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)), "mmap");
	for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
		must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
			SCMP_A1(SCMP_CMP_EQ, commands[i])), "fcntl");
	/* The C library's fstat() on some releases; by name it finds nothing. */
	must(seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
		SCMP_A3(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH)), "newfstatat");
	must(seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOENT), SCMP_SYS(newfstatat), 1,
		SCMP_A3(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, 0)), "newfstatat");
	program_take(filter);
	seccomp_release(filter);
}

static void
program_install(const struct sock_fprog *program)
{
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0) != 0)
		fatal(EX_OSERR, "seccomp: letter filter: %s", g_strerror(errno));
}

/* tgkill reaches the process itself and nobody else.  The pid is known only now, hence a second,
 * tiny program beside the compiled one; that one checks the architecture. */
static void
own_signals_only(void)
{
	guint low = G_BYTE_ORDER == G_LITTLE_ENDIAN ? 0 : 4;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_tgkill, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]) + low),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (guint32)getpid(), 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { G_N_ELEMENTS(code), code };

	program_install(&program);
}

void
filter_letter_enter(void)
{
	if (!letter_program.filter)
		panic("jail_letter() without jail_letter_prepare()");
	own_signals_only();
	program_install(&letter_program);
}
