/* SPDX-License-Identifier: ISC
 *
 * file: small files that are whole or as before after any crash, and names for files made without
 * one.  Relies on Linux O_TMPFILE and /proc.  Refuses to replace what may exist only once.
 */
#include "base/base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TREE_DEPTH 8			/* folders in each other that are removed */

int
file_link(int fd, int dirfd, const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, path, dirfd, name, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	if (errno != ENOENT || access("/proc/self/fd", F_OK) == 0)
		return -1;
	/* No /proc here: Linux 6.10 lets the opener link by descriptor. */
	return linkat(fd, "", dirfd, name, AT_EMPTY_PATH);
}

/* With renameat2(2) where the file system knows it; nobody else makes this name meanwhile. */
static int
rename_anew(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL)
		return -1;
	if (access(to, F_OK) == 0) {
		errno = EEXIST;
		return -1;
	}
	return rename(from, to);
}

enum outcome
file_name_durable(int fd, const char *from, const char *to, bool replaces, GError **error)
{
	g_autofree char *parent = g_path_get_dirname(to);
	int dir = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = dir >= 0 && (fd < 0 || fsync(fd) == 0) &&
		(replaces ? rename(from, to) : rename_anew(from, to)) == 0 && fsync(dir) == 0;
	int saved = errno;

	if (dir >= 0)
		close(dir);
	return good ? DONE : fail(error, saved == EEXIST ? NEVER : LATER, "%s: %s", to,
		g_strerror(saved));
}

struct writing { const char *path, *base; const void *data; gsize size; mode_t mode; };

/* The temporary file, complete and on disk. */
static bool
write_temporary(const struct writing *writing, int dir, const char *name)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return false;
	bool good = write_all(fd, writing->data, writing->size) && fchmod(fd, writing->mode) == 0;
	FAULT("file.sync.before");
	good = good && fsync(fd) == 0;
	int saved = errno;
	FAULT("file.sync.after");
	close(fd);
	errno = saved;
	return good;
}

static bool
write_in(const struct writing *writing, int dir, bool replace)
{
	g_autofree char *code = random_code(16);
	g_autofree char *name = g_strdup_printf(".%.100s.%s", writing->base, code);
	bool good = write_temporary(writing, dir, name) &&
		(replace ? renameat(dir, name, dir, writing->base) :
		linkat(dir, name, dir, writing->base, 0)) == 0;
	int saved = errno;

	FAULT("file.link.after");
	if (!good || !replace)
		(void)unlinkat(dir, name, 0);
	if (good && fsync(dir) != 0)
		return false;
	errno = saved;
	return good;
}

static enum outcome
write_durable(struct writing *writing, bool replace, GError **error)
{
	g_autofree char *parent = g_path_get_dirname(writing->path);
	g_autofree char *base = g_path_get_basename(writing->path);
	int dir = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return fail(error, LATER, "%s: %s", parent, g_strerror(errno));
	writing->base = base;
	bool good = write_in(writing, dir, replace);
	int saved = errno;
	close(dir);
	if (good)
		return DONE;
	return fail(error, saved == EEXIST ? NEVER : LATER, "%s: %s", writing->path,
		g_strerror(saved));
}

enum outcome
file_write_durable(const char *path, const void *data, gsize size, mode_t mode, GError **error)
{
	struct writing writing = { .path = path, .data = data, .size = size, .mode = mode };

	return write_durable(&writing, true, error);
}

enum outcome
file_create_durable(const char *path, const void *data, gsize size, mode_t mode, GError **error)
{
	struct writing writing = { .path = path, .data = data, .size = size, .mode = mode };

	return write_durable(&writing, false, error);
}

/* By descriptor and never through a symbolic link: what lies inside may belong to another uid. */
static void
remove_at(int folder, const char *name, guint depth)
{
	if (unlinkat(folder, name, 0) == 0 || errno == ENOENT || depth > TREE_DEPTH)
		return;
	int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (struct dirent *entry; (entry = readdir(dir)) != NULL; )
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			remove_at(dirfd(dir), entry->d_name, depth + 1);
	closedir(dir);
	unlinkat(folder, name, AT_REMOVEDIR);
}

void
file_remove_tree(const char *path)
{
	remove_at(AT_FDCWD, path, 0);
}
