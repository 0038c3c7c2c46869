/* SPDX-License-Identifier: ISC
 *
 * engine: private to crypto/: GPGME's handles and how we make contexts.
 */
#ifndef UNGCUU_CRYPTO_ENGINE_H
#define UNGCUU_CRYPTO_ENGINE_H

#include "base/base.h"

#include <gpgme.h>

#ifdef GPG_PROGRAM
#define ENGINE_GPG GPG_PROGRAM
#else
#define ENGINE_GPG "/usr/bin/gpg"
#endif

typedef struct gpgme_context engine_context;
typedef struct gpgme_data engine_data;
typedef struct _gpgme_key engine_key;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(engine_context, gpgme_release)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(engine_data, gpgme_data_release)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(engine_key, gpgme_key_unref)

/* An offline OpenPGP context on this home; NULL with LATER.  No pinentry mode is set: the extra
 * socket refuses to change it. */
gpgme_ctx_t engine_new(const char *home, GError **error);
/* fail() with GPGME's words and number. */
enum outcome engine_fail(GError **error, enum outcome how, const char *what, gpgme_error_t why);
/* Releases the data, gives its bytes. */
GBytes *engine_take(gpgme_data_t data);

#endif
