/* SPDX-License-Identifier: ISC
 *
 * memfd: bodies too large for a frame travel in anonymous files of memory, frozen by seals so
 * that the sender cannot change them under the reader's eyes.  Relies on Linux memfd_create(2)
 * and fcntl(2) seals.  Refuses to read anything that is not a memfd with all four seals, or is
 * larger than the reader asked for.
 */
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U		/* Linux 6.3: can never be executed */
#endif
#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

int
memfd_new(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		fatal(EX_OSERR, "memfd_create: %s", g_strerror(errno));
	return fd;
}

bool
write_all(int fd, const void *data, gsize size)
{
	const guint8 *at = data;

	while (size > 0) {
		ssize_t n = write(fd, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (n == 0)
				errno = ENOSPC;
			return false;
		}
		at += n;
		size -= (gsize)n;
	}
	return true;
}

enum outcome
memfd_freeze(int fd, GError **error)
{
	if (fcntl(fd, F_ADD_SEALS, ALL_SEALS) == 0)
		return DONE;
	/* EBUSY: somebody still maps it for writing.  EPERM: sealed before; then it must hold
	 * all of them. */
	if (errno == EBUSY)
		return fail(error, LATER, "memfd: still mapped by its writer");
	if (errno == EPERM) {
		int seals = fcntl(fd, F_GET_SEALS);

		if (seals >= 0 && (seals & ALL_SEALS) == ALL_SEALS)
			return DONE;
		errno = EPERM;
	}
	return fail(error, NEVER, "memfd: cannot be sealed: %s", g_strerror(errno));
}

int
memfd_from_bytes(GBytes *bytes)
{
	g_autoptr(GError) error = NULL;
	gsize size;
	const void *data = g_bytes_get_data(bytes, &size);
	int fd = memfd_new("bytes");

	if (!write_all(fd, data, size))
		fatal(EX_OSERR, "memfd: %s", g_strerror(errno));
	if (memfd_freeze(fd, &error) != DONE)
		fatal(EX_OSERR, "%s", error->message);
	return fd;
}

int
memfd_dup(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (copy < 0)
		fatal(EX_OSERR, "cannot duplicate a descriptor: %s", g_strerror(errno));
	return copy;
}

struct mapping { void *at; gsize size; };

static void
mapping_free(gpointer data)
{
	struct mapping *mapping = data;

	munmap(mapping->at, mapping->size);
	g_free(mapping);
}

GBytes *
memfd_map(int fd, gsize max, GError **error)
{
	struct stat status;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0) {
		fail(error, NEVER, "memfd: not one: %s", g_strerror(errno));
		return NULL;
	}
	if ((seals & ALL_SEALS) != ALL_SEALS) {
		fail(error, NEVER, "memfd: not frozen (seals 0x%x)", (guint)seals);
		return NULL;
	}
	if (fstat(fd, &status) != 0 || status.st_size < 0 || (guint64)status.st_size > max) {
		fail(error, NEVER, "memfd: larger than %" G_GSIZE_FORMAT " bytes", max);
		return NULL;
	}
	if (status.st_size == 0)
		return g_bytes_new_static("", 0);
	gsize size = (gsize)status.st_size;
	void *at = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED) {
		fail(error, LATER, "memfd: mmap: %s", g_strerror(errno));
		return NULL;
	}
	struct mapping *mapping = g_new(struct mapping, 1);
	*mapping = (struct mapping){ at, size };
	return g_bytes_new_with_free_func(at, size, mapping_free, mapping);
}
