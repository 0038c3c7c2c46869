/* SPDX-License-Identifier: ISC
 *
 * death: what a child's end says about the mail it worked on.  Apart from spawn.c because the
 * zygote, which may start no program, reads it too.
 */
#include "role/role.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <sysexits.h>

static const struct { int signal; const char *name; } crash_signals[] = {
	{ SIGSEGV, "SEGV" }, { SIGABRT, "ABRT" }, { SIGTRAP, "TRAP" }, { SIGSYS, "SYS" },
	{ SIGXCPU, "XCPU" }, { SIGALRM, "ALRM" }, { SIGBUS, "BUS" }, { SIGFPE, "FPE" },
	{ SIGILL, "ILL" }, { SIGXFSZ, "XFSZ" },
};

enum death
death_of(int wait_status, char **cause)
{
	if (WIFSIGNALED(wait_status)) {
		int number = WTERMSIG(wait_status);

		for (guint i = 0; i < G_N_ELEMENTS(crash_signals); i++)
			if (crash_signals[i].signal == number) {
				*cause = g_strdup_printf("signal %s", crash_signals[i].name);
				return DEATH_COUNTED;
			}
		*cause = g_strdup_printf("signal %d", number);
		return DEATH_UNEXPLAINED;
	}
	int code = WEXITSTATUS(wait_status);

	*cause = g_strdup_printf("exit %d", code);
	if (code == EXIT_SUCCESS)
		return DEATH_ORDERLY;
	return code == EX_SOFTWARE || code == EX_OSERR ? DEATH_COUNTED : DEATH_UNEXPLAINED;
}
