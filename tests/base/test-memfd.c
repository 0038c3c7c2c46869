/* SPDX-License-Identifier: ISC
 *
 * Tests gateway/base/memfd.c: only a memfd with all four seals is read, whole or not at all.
 */
#include "base/base.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void
test_round_trip(void)
{
	const gsize sizes[] = { 0, 1, 4095, 4096, 1000003 };

	for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree guint8 *data = g_malloc(sizes[i] + 1);

		memset(data, (int)i + 1, sizes[i]);
		g_autoptr(GBytes) in = g_bytes_new(data, sizes[i]);
		int fd = memfd_from_bytes(in);
		g_autoptr(GBytes) out = memfd_map(fd, sizes[i], &error);
		close(fd);
		g_assert_no_error(error);
		g_assert_true(g_bytes_equal(in, out));
	}
}

static void
test_too_large(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) in = g_bytes_new_static("12345", 5);
	int fd = memfd_from_bytes(in);

	g_assert_null(memfd_map(fd, 4, &error));
	g_assert_error(error, UNGCUU_ERROR, NEVER);
	close(fd);
}

/* Every subset of the four seals but the whole is refused. */
static void
test_seals(void)
{
	const int seals[] = { F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE };

	for (unsigned set = 0; set < 16; set++) {
		g_autoptr(GError) error = NULL;
		int fd = memfd_new("test"), wanted = 0;

		g_assert_true(write_all(fd, "abc", 3));
		for (unsigned i = 0; i < 4; i++)
			if (set & 1u << i)
				wanted |= seals[i];
		g_assert_cmpint(fcntl(fd, F_ADD_SEALS, wanted), ==, 0);
		g_autoptr(GBytes) bytes = memfd_map(fd, 10, &error);
		g_assert_true((bytes != NULL) == (set == 15));
		if (set != 15)
			g_assert_error(error, UNGCUU_ERROR, NEVER);
		close(fd);
	}
}

static void
test_no_memfd(void)
{
	int pair[2];
	int fds[3];

	g_assert_cmpint(pipe(pair), ==, 0);
	fds[0] = pair[0];
	fds[1] = open("/dev/null", O_RDONLY);
	fds[2] = -1;
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_null(memfd_map(fds[i], 10, &error));
		g_assert_error(error, UNGCUU_ERROR, NEVER);
	}
	close(pair[0]);
	close(pair[1]);
	close(fds[1]);
}

static void
test_freeze(void)
{
	g_autoptr(GError) error = NULL;
	int fd = memfd_new("test");

	g_assert_true(write_all(fd, "abc", 3));
	void *map = mmap(NULL, 3, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	g_assert_true(map != MAP_FAILED);
	g_assert_cmpint(memfd_freeze(fd, &error), ==, LATER);
	g_assert_error(error, UNGCUU_ERROR, LATER);
	g_clear_error(&error);
	munmap(map, 3);
	g_assert_cmpint(memfd_freeze(fd, &error), ==, DONE);
	g_assert_cmpint(memfd_freeze(fd, &error), ==, DONE);	/* again: it holds all seals */
	g_assert_cmpint(write(fd, "x", 1), <, 0);
	g_assert_cmpint(ftruncate(fd, 1), <, 0);
	close(fd);

	fd = memfd_new("test");
	g_assert_cmpint(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL), ==, 0);
	g_assert_cmpint(memfd_freeze(fd, &error), ==, NEVER);
	close(fd);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/memfd/round-trip", test_round_trip);
	g_test_add_func("/memfd/too-large", test_too_large);
	g_test_add_func("/memfd/seals", test_seals);
	g_test_add_func("/memfd/no-memfd", test_no_memfd);
	g_test_add_func("/memfd/freeze", test_freeze);
	return g_test_run();
}
